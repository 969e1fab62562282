import type { Identity, Refusal, SignInStep } from '../../../../core/contract/identity-provider.ts'
import type { PluginLog } from '../../../../core/plugin/plugin-log.ts'
import type { Logger } from '../../../../core/runtime/logger.ts'
import { SECOND, unixTime, type UnixTime } from '../../../../core/runtime/time.ts'
import { sourceOf } from '../../../../core/net/rate-limiter.ts'
import type { IdentityProviderRow, SignInStatements } from '../../store/entities.ts'
import { askForApproval, type ApprovalParts } from './approval.ts'
import { callProvider, type ProviderCallParts, type Reply } from './call-provider.ts'
import { signInBrowser, type SignInWay } from './finish.ts'
import { intentQuery } from './intent.ts'
import { linkActor } from './link-actor.ts'
import type { Pending, PendingSignIns, PendingTest } from './pending.ts'
import { providerUrl } from './provider-urls.ts'
import { refuse } from './refuse.ts'
import { sendBrowser } from './send-browser.ts'
import type { SignInContext } from './sign-in-context.ts'
import { requestIdOf } from '../http/request-id.ts'
import { settingsFingerprint } from './standing.ts'

export interface SignInStepParts extends ApprovalParts, ProviderCallParts {
  logger: Logger
  pluginLog: Pick<PluginLog, 'failed'>
  pendings: PendingSignIns
  /** Goes on with a test of a provider whose browser has returned. */
  answerTest: (ctx: SignInContext, pending: PendingTest) => Promise<void>
}

/**
 * Calls the provider's plugin for the next step of a sign-in and carries out its answer. If the plugin fails, the
 * person may try again or use another provider. @param about the sign-in; `reply` is the request with which the browser
 * returned, absent at the beginning
 */
export const runSignInStep = async (
  parts: SignInStepParts,
  ctx: SignInContext,
  { signInId, ...question }: { signInId: string; reply?: Reply; chooseAccount?: boolean },
): Promise<void> => {
  const { logger, pluginLog, providers } = parts
  const { account, provider, clientAddress } = ctx.state
  const asked = callProvider(parts, provider, { asker: sourceOf(clientAddress), ...question })
  const step = await asked.catch((error: unknown): SignInStep => {
    const fields = { accountId: account.id, providerId: provider.id, requestId: requestIdOf(ctx) }
    const plugin = providers.get(provider.type)?.plugin ?? provider.type
    const call = `${question.reply === undefined ? 'begin' : 'proceed'} ${provider.id}`
    pluginLog.failed({ plugin, call, error, message: 'an identity provider failed: a sign-in was refused', fields })
    logger.debug({ error, ...fields }, 'an identity provider failed')
    return { type: 'refused', refusal: UNAVAILABLE }
  })
  switch (step.type) {
    case 'redirect':
    case 'prompt':
      return goOn(parts, ctx, { signInId, step })
    case 'refused':
      return refuse(parts, ctx, { refusal: step.refusal })
    case 'identified':
      return signIn(parts, ctx, step.identity)
  }
}

/** Redirects to the provider or shows its form, and keeps the state of the sign-in in a cookie. */
const goOn = async (
  { pages, pendings }: SignInStepParts,
  ctx: SignInContext,
  { signInId, step }: { signInId: string; step: SignInStep & { type: 'redirect' | 'prompt' } },
): Promise<void> => {
  const { account, provider, intent } = ctx.state
  const pending: Pending = {
    accountId: account.id,
    providerId: provider.id,
    setUp: settingsFingerprint(provider),
    intent,
    keep: step.keep,
    signInId,
  }
  if (step.type === 'redirect') {
    pending.atSharedCallback = step.atSharedCallback === true
    pendings.remember(ctx, pending, { redirectUrl: step.url })
    sendBrowser(pages, ctx, step.url)
    return Promise.resolve()
  }
  const signIn = pendings.remember(ctx, pending, { keptMs: step.keptMs })
  pages.render(ctx, 'prompt', {
    account: account.name,
    prompt: step.prompt,
    signIn,
    action: providerUrl(account, provider),
    back: `/${account.slug}/sign_in/providers${intentQuery(intent)}`,
  })
  return Promise.resolve()
}

/** Signs in the identified person's browser, or asks for approval if a client is to be signed in. */
const signIn = async (parts: SignInStepParts, ctx: SignInContext, identity: Identity): Promise<void> => {
  const { account, provider, intent } = ctx.state
  const link = await linkActor(parts.store, { provider, identity })
  if (!link.ok) return refuse(parts, ctx, { refusal: { ...link, tryAgain: false }, identity })
  const way = wayOf(provider, link.identityId)
  const signedIn = { account, actor: link.actor, way, signIn: statementsOf(identity, parts.clock.unix()), intent }
  if (intent.as === 'browser') return signInBrowser(parts, ctx, { ...signedIn, signOutHint: identity.signOutHint })
  return askForApproval(parts, ctx, { ...signedIn, provider })
}

/** Returns what a provider says of a person at a sign-in, beside who it is. Clocks differ: nobody has authenticated later than now. */
export const statementsOf = ({ groups, claims, authentication = {} }: Identity, now: UnixTime): SignInStatements => {
  const { at, methods } = authentication
  return {
    ...(at === undefined ? {} : { authenticatedAt: unixTime(Math.min(at, now)) }),
    ...(methods === undefined ? {} : { methods }),
    ...(groups === undefined ? {} : { groups }),
    ...(claims === undefined ? {} : { claims }),
  }
}

const UNAVAILABLE: Refusal = {
  code: 'provider_unavailable',
  publicText: 'The identity provider does not answer as it should. Try again in a moment, or tell an admin.',
  tryAgain: true,
  providerFails: true,
}

const wayOf = (provider: IdentityProviderRow, identityId: string): SignInWay => ({
  name: provider.name,
  identityId,
  identityProviderId: provider.id,
  clientTokenLifetimeMs: provider.clientTokenLifetimeSeconds * SECOND,
  sessionLifetimeSeconds: provider.sessionLifetimeSeconds,
})
