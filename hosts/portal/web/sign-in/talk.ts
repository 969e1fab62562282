import type { Refusal, SignInStep } from '../../../../core/contract/identity-provider.ts'
import type { Logger } from '../../../../core/runtime/logger.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import type { IdentityProviderRow } from '../../entities.ts'
import type { SignInEvent } from '../../store/store.ts'
import { finishSignIn, leave, type FinishParts, type SignInWay } from './finish.ts'
import { intentQuery } from './intent.ts'
import { linkActor } from './link-actor.ts'
import type { Pending, PendingSignIns } from './pending.ts'
import { providerUrl, type SignInContext } from './step.ts'

export interface TalkParts extends FinishParts {
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
      const pending: Pending = { accountId: account.id, providerId: provider.id, intent, keep, conversation }
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
      await refuse(parts, ctx, answer.refusal)
      return
    case 'identified': {
      const link = await linkActor(store, { provider, identity: answer.identity })
      if (link.ok) {
        const way = wayOf(provider, link.identityId)
        await finishSignIn(parts, ctx, { account, actor: link.actor, way, intent })
      } else await refuse(parts, ctx, { ...link, tryAgain: false })
    }
  }
}

const refuse = async (parts: TalkParts, ctx: SignInContext, refusal: Refusal): Promise<void> => {
  const { pages, logger } = parts
  const { code, publicText, detail, tryAgain } = refusal
  const { account, provider, intent } = ctx.state
  logger.info({ code, detail, accountId: account.id, providerId: provider.id }, 'sign-in refused')
  await noteRefusal(parts, ctx, { reason: code })
  const isDown = PROVIDER_DOWN.has(code)
  ctx.status = isDown ? 502 : 403
  pages.render(ctx, 'problem', {
    title: 'You are not signed in',
    account: account.name,
    detail: publicText,
    code,
    links: [
      ...(tryAgain ? [{ text: 'Try again', url: providerUrl(account, provider, intent) }] : []),
      { text: 'Sign in another way', url: `/${account.slug}/sign_in/providers${intentQuery(intent)}` },
    ],
    emergency: isDown ? `/${account.slug}/sign_in/emergency${intentQuery(intent)}` : undefined,
  })
}

/** Writes into the audit trail that a sign-in was refused, and why. */
export const noteRefusal = async (
  { store, clock }: Pick<TalkParts, 'store' | 'clock'>,
  { state }: SignInContext,
  { reason }: { reason: string },
): Promise<void> =>
  store.recordSignIn(state.account.id, {
    at: clock.unix(),
    action: 'refused',
    reason,
    by: { type: 'system', part: 'sign-in' },
    actorId: null,
    identityProviderId: state.provider.id,
    remoteIp: state.clientAddress,
  } satisfies SignInEvent)

const UNAVAILABLE: Refusal = {
  code: 'provider_unavailable',
  publicText: 'The identity provider does not answer as it should. Try again in a moment, or tell an admin.',
  tryAgain: true,
}

/** The provider's fault, and not the person's: what an emergency is. */
const PROVIDER_DOWN = new Set([UNAVAILABLE.code, 'provider_unreachable', 'provider_failed'])

const wayOf = (provider: IdentityProviderRow, identityId: string): SignInWay => ({
  name: provider.name,
  identityId,
  identityProviderId: provider.id,
  clientTokenLifetimeMs: provider.clientTokenLifetimeSeconds * SECOND,
  sessionLifetimeSeconds: provider.sessionLifetimeSeconds,
})
