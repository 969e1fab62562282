import type { Context } from 'koa'
import type { PluginLog } from '../../../../core/plugin/plugin-log.ts'
import type { Pages } from '../http/pages.ts'
import { callSignOut, type ProviderCallParts } from './call-provider.ts'
import { signedOutPath } from './provider-urls.ts'
import { sendBrowser } from './send-browser.ts'
import type { PortalSession } from './session.ts'

export interface SignOutParts extends Pick<ProviderCallParts, 'providers' | 'clock' | 'publicUrl'> {
  pages: Pages
  pluginLog: Pick<PluginLog, 'failed'>
}

/**
 * Ends the person's session at the identity provider after the portal's own has ended: sends the browser there if the provider has a
 * sign-out, else to the sign-in. If the provider fails, a page says that she may still be signed in there.
 */
export const signOutAtProvider = async (
  parts: SignOutParts,
  ctx: Context,
  { account, provider, signOutHint }: PortalSession,
): Promise<void> => {
  const { pages, providers, pluginLog, publicUrl } = parts
  const back = signedOutPath(account)
  if (provider === undefined || providers.get(provider.type)?.value.signOut === undefined) return ctx.redirect(back)
  try {
    const step = await callSignOut(parts, provider, { hint: signOutHint, returnUrl: `${publicUrl}${back}` })
    if (step.type === 'done') ctx.redirect(back)
    else sendBrowser(pages, ctx, step.url)
  } catch (error) {
    pluginLog.failed({
      plugin: providers.get(provider.type)?.plugin ?? provider.type,
      call: `signOut ${provider.id}`,
      error,
      message: 'an identity provider failed: a person may still be signed in there',
      fields: { accountId: account.id, providerId: provider.id },
    })
    pages.render(ctx, 'problem', {
      title: 'You are signed out here',
      account: account.name,
      detail: `You are signed out of this portal. ${provider.name} did not answer, so you may still be signed in there: sign out there, too, if others use this browser.`,
      links: [{ text: 'Sign in again', url: back }],
    })
  }
}
