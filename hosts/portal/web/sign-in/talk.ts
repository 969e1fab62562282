import type { Refusal, SignInStep } from '../../../../core/contract/identity-provider.ts'
import type { Logger } from '../../../../core/runtime/logger.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import type { IdentityProviderRow } from '../../store/entities.ts'
import { askForApproval, type ApprovalParts } from './approval.ts'
import { leave, signInBrowser, type SignInWay } from './finish.ts'
import { intentQuery } from './intent.ts'
import { linkActor } from './link-actor.ts'
import type { Pending, PendingSignIns } from './pending.ts'
import { refuse } from './refuse.ts'
import { setUpOf } from './standing.ts'
import { providerUrl, type SignInContext } from './step.ts'

export interface TalkParts extends ApprovalParts {
  logger: Logger
  pendings: PendingSignIns
}

/** Carries out what a provider's plugin answers. Its failure is its own: the person may try again, or another provider. */
export const talk = async (
  parts: TalkParts,
  ctx: SignInContext,
  { conversation, step }: { conversation: string; step: () => Promise<SignInStep> },
): Promise<void> => {
  const { store, pages, logger, pendings } = parts
  const { account, provider, intent } = ctx.state
  const answer = await step().catch((error: unknown): SignInStep => {
    logger.warn({ error, accountId: account.id, providerId: provider.id }, 'an identity provider failed')
    return { type: 'refused', refusal: UNAVAILABLE }
  })
  switch (answer.type) {
    case 'redirect':
    case 'prompt': {
      const { keep } = answer
      const pending: Pending = {
        accountId: account.id,
        providerId: provider.id,
        setUp: setUpOf(provider),
        intent,
        keep,
        conversation,
      }
      if (answer.type === 'redirect') {
        pending.atSharedCallback = answer.atSharedCallback === true
        pendings.remember(ctx, pending, { redirectUrl: answer.url })
        leave(parts, ctx, answer.url)
        return
      }
      const signIn = pendings.remember(ctx, pending, { keptMs: answer.keptMs })
      pages.render(ctx, 'prompt', {
        account: account.name,
        prompt: answer.prompt,
        signIn,
        action: providerUrl(account, provider),
        back: `/${account.slug}/sign_in/providers${intentQuery(intent)}`,
      })
      return
    }
    case 'refused':
      await refuse(parts, ctx, { refusal: answer.refusal })
      return
    case 'identified': {
      const { identity } = answer
      const link = await linkActor(store, { provider, identity })
      if (!link.ok) {
        await refuse(parts, ctx, { refusal: { ...link, tryAgain: false }, identity })
        return
      }
      const signedIn = { account, actor: link.actor, way: wayOf(provider, link.identityId), intent }
      if (intent.as === 'browser') await signInBrowser(parts, ctx, signedIn)
      else askForApproval(parts, ctx, { ...signedIn, provider })
    }
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
