import type { SignInRecords } from '../../../../core/contract/identity-provider.ts'
import { toBase64Url } from '../../../../core/crypto/text-encoding.ts'
import type { Random } from '../../../../core/runtime/random.ts'
import { MINUTE, unixTime } from '../../../../core/runtime/time.ts'
import type { IdentityProviderRow, SignInStatements } from '../../store/entities.ts'
import { formFields } from '../http/form-fields.ts'
import { Problem } from '../http/problem.ts'
import { signInClient, type FinishParts, type SignedIn, type SignInWay } from './finish.ts'
import { intentQuery, type SignInIntent } from './intent.ts'
import { anotherAccount } from './refuse.ts'
import { settingsFingerprint, standingOf } from './standing.ts'
import { providerUrl } from './provider-urls.ts'
import type { SignInContext } from './sign-in-context.ts'

export interface ApprovalParts extends FinishParts {
  random: Random
}

/** Sealed cookie of a person who is authenticated but has not yet approved that a client is signed in. */
interface Approval {
  accountId: string
  actorId: string
  way: SignInWay
  /** Fingerprint of the provider's settings, see `settingsFingerprint`; empty for an emergency code. */
  setUp: string
  intent: SignInIntent
}

const PREFIX = 'portreeve_approval_'
const MAX_APPROVALS_AT_ONCE = 3
const APPROVAL_MS = 5 * MINUTE
/** Maximum length of a provider's statements as JSON within JSON: see `checkedStep` for what they may have. */
const MAX_STATEMENT_CHARACTERS = 32_768

/**
 * Asks for approval before a client gets a token (S13). Without it, a link would be enough: the person is often signed
 * in at the provider already, and would hand a token to any program that made the link, even another person's on the
 * same machine.
 */
export const askForApproval = async (
  parts: ApprovalParts,
  ctx: SignInContext,
  { account, actor, way, signIn, intent, provider }: SignedIn & { provider?: IdentityProviderRow | undefined },
): Promise<void> => {
  const { pages, cookies, random, clock } = parts
  const id = toBase64Url(random.bytes(16))
  if (provider !== undefined) {
    const record = { signIn: JSON.stringify(signIn) }
    const until = unixTime(clock.unix() + APPROVAL_MS)
    await waiting(parts, provider).change(`approval/${id}`, () => ({ record, until, result: undefined }))
  }
  const setUp = provider === undefined ? '' : settingsFingerprint(provider)
  const value: Approval = { accountId: account.id, actorId: actor.id, way, setUp, intent }
  cookies.makeRoom(ctx, { prefix: PREFIX, most: MAX_APPROVALS_AT_ONCE })
  cookies.set(ctx, { name: PREFIX + id, value, lifetimeMs: APPROVAL_MS })
  const showsToken = intent.as === 'headless-client' && intent.callback === undefined
  const who = actor.email ?? actor.name
  pages.render(ctx, 'approve', {
    title: showsToken ? 'Make a token for a client?' : 'Sign in the client on this machine?',
    account: account.name,
    actor: actor.name,
    who,
    question: showsToken
      ? `A client wants to be signed in as ${who}. If you go on, this page shows a token to give to it.`
      : `The client on this machine wants to be signed in as ${who}.`,
    submit: showsToken ? `Show a token for ${who}` : `Sign in as ${who}`,
    signIn: id,
    action: `/${account.slug}/sign_in/approve`,
    other: provider === undefined ? undefined : anotherAccount(providerUrl(account, provider, intent)),
    provider: provider?.name,
    back: `/${account.slug}/sign_in/providers${intentQuery(intent)}`,
  })
}

/** Signs the client in, once, if the person may still sign in as when the approval was requested. */
export const redeemApproval = async (parts: ApprovalParts, ctx: SignInContext): Promise<void> => {
  const { cookies, store } = parts
  const { account } = ctx.state
  const id = formFields(ctx)['sign_in'] ?? ''
  const name = PREFIX + id
  const approval = /^[\w-]{1,64}$/.test(id) ? (cookies.get(ctx, name) as Approval | undefined) : undefined
  if (approval === undefined) throw over()
  cookies.clear(ctx, name)
  const { accountId, actorId, way, setUp, intent } = approval
  const standing = await standingOf(store.reader(account.id), { ...way, actorId })
  if (accountId !== account.id || standing === undefined) throw over()
  const { actor, provider } = standing
  if (provider !== undefined && settingsFingerprint(provider) !== setUp) throw over()
  const signIn = provider === undefined ? null : await takeStatements(parts, provider, id)
  await signInClient(parts, ctx, { account, actor, way, signIn, intent })
}

/** Takes what the provider said from the record of an approval. @throws Problem if the approval was used already */
const takeStatements = async (
  parts: Pick<ApprovalParts, 'store'>,
  provider: IdentityProviderRow,
  id: string,
): Promise<SignInStatements | null> => {
  const taken = await waiting(parts, provider).change(`approval/${id}`, (record) => ({ result: record }))
  if (taken === undefined) throw over()
  return JSON.parse(String(taken['signIn'])) as SignInStatements | null
}

/**
 * Records of the approvals that wait: what the provider said, which is too long for a cookie. A record is taken once, as a browser can
 * restore a copied cookie.
 */
const waiting = ({ store }: Pick<ApprovalParts, 'store'>, { accountId, id }: IdentityProviderRow): SignInRecords =>
  store.signInRecords({ accountId, providerId: id, maxCharacters: MAX_STATEMENT_CHARACTERS })

const over = (): Problem =>
  new Problem(
    400,
    'sign_in_lost',
    'The client is not signed in: this took too long, was answered already, or you may not sign in like this any more. Begin again from the client.',
  )
