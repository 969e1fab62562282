import type { Identity, Refusal } from '../../../../core/contract/identity-provider.ts'
import type { Logger } from '../../../../core/runtime/logger.ts'
import type { SignInEvent } from '../../store/store.ts'
import type { FinishParts } from './finish.ts'
import { intentQuery } from './intent.ts'
import { providerUrl } from './provider-urls.ts'
import { requestIdOf } from '../http/request-id.ts'
import type { SignInContext } from './sign-in-context.ts'

export interface RefuseParts extends Pick<FinishParts, 'store' | 'clock' | 'pages'> {
  logger: Logger
}

/**
 * Shows why a person is not signed in and what to do; log and audit trail also name the identity asserted by the
 * provider, for the admin.
 */
export const refuse = async (
  parts: RefuseParts,
  ctx: SignInContext,
  { refusal, identity }: { refusal: Refusal; identity?: Identity },
): Promise<void> => {
  const { code, publicText, detail, tryAgain, providerFails = false } = refusal
  const { account, provider, intent } = ctx.state
  const who = identity === undefined ? undefined : whoOf(identity)
  parts.logger.info(
    {
      code,
      detail,
      ...who,
      accountId: account.id,
      providerId: provider.id,
      provider: provider.name,
      requestId: requestIdOf(ctx),
    },
    'sign-in refused',
  )
  await noteRefusal(parts, ctx, {
    reason: code,
    ...(detail === undefined ? {} : { detail }),
    ...(who === undefined ? {} : { identity: who }),
  })
  ctx.status = providerFails ? 502 : 403
  const url = providerUrl(account, provider, intent)
  parts.pages.render(ctx, 'problem', {
    title: 'You are not signed in',
    account: account.name,
    detail: publicText,
    code,
    requestId: requestIdOf(ctx),
    links: [
      ...(tryAgain ? [{ text: 'Try again', url }] : []),
      ...(identity === undefined
        ? []
        : [{ text: `Use another account of ${provider.name}`, url: anotherAccount(url) }]),
      { text: 'Sign in another way', url: `/${account.slug}/sign_in/providers${intentQuery(intent)}` },
    ],
    emergency: providerFails ? `/${account.slug}/sign_in/emergency${intentQuery(intent)}` : undefined,
  })
}

/** Audits a refused sign-in with the reason. */
export const noteRefusal = async (
  { store, clock }: Pick<RefuseParts, 'store' | 'clock'>,
  { state }: SignInContext,
  why: Pick<SignInEvent, 'reason' | 'detail' | 'identity'>,
): Promise<void> =>
  store.recordSignIn(state.account.id, {
    at: clock.unix(),
    action: 'refused',
    ...why,
    by: { type: 'system', part: 'sign-in' },
    actorId: null,
    identityProviderId: state.provider.id,
    remoteIp: state.clientAddress,
  })

/** Query parameter that starts a sign-in with the provider's choice of accounts. */
export const OTHER_ACCOUNT = 'other_account'

/**
 * Returns the URL with which a sign-in shows the provider's choice of accounts, instead of using the one that the
 * browser is signed in to.
 */
export const anotherAccount = (url: string): string => `${url}${url.includes('?') ? '&' : '?'}${OTHER_ACCOUNT}=yes`

const whoOf = ({ issuer, subject, email, emailVerified }: Identity): NonNullable<SignInEvent['identity']> => ({
  issuer,
  subject,
  email: email ?? null,
  emailVerified,
})
