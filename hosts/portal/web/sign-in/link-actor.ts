import type { Identity } from '../../../../core/contract/identity-provider.ts'
import { foldedEmail } from '../../text/email-address.ts'
import { speaksFor } from '../../text/email-domains.ts'
import type { Actor, Change, IdentityProviderRow } from '../../store/entities.ts'
import type { Scope, Store, Transaction } from '../../store/store.ts'

export type LinkVerdict =
  | { ok: true; actor: Actor; identityId: string }
  | { ok: false; code: LinkRefusal; publicText: string; detail?: string }
export type LinkRefusal =
  | 'unknown_person'
  | 'no_address'
  | 'address_not_vouched'
  | 'domain_not_configured'
  | 'link_needs_admin'
  | 'actor_disabled'
  | 'identity_conflict'
  | 'not_a_person'

/**
 * Finds the actor of an authenticated identity: by provider, issuer and subject; or else by a verified e-mail address
 * in one of the provider's domains, if its actor has no identity yet, which then becomes linked. Creates no actors.
 */
export const linkActor = async (
  store: Store,
  about: { provider: IdentityProviderRow; identity: Identity },
): Promise<LinkVerdict> => linkIn(store, about, {})

/** Returns what `linkActor` would, and keeps nothing: the transaction is rolled back. */
export const rehearsedLink = async (
  store: Store,
  about: { provider: IdentityProviderRow; identity: Identity },
): Promise<LinkVerdict & { isNew: boolean }> => {
  let isNew = false
  const rehearsal = (changes: readonly Change[]): void => {
    isNew = changes.some(({ entity, after }) => entity === 'identities' && after !== undefined)
  }
  const verdict = await linkIn(store, about, { rehearsal })
  return { ...verdict, isNew }
}

const linkIn = async (
  store: Store,
  { provider, identity }: { provider: IdentityProviderRow; identity: Identity },
  more: Pick<Scope, 'rehearsal'>,
): Promise<LinkVerdict> => {
  const { accountId } = provider
  const by = { type: 'system', part: 'sign-in' } as const
  return store.transact({ accountId, by, ...more }, async (tx) => {
    return (await linked(tx, provider, identity)) ?? adopt(tx, provider, identity)
  })
}

const linked = async (
  tx: Transaction,
  provider: IdentityProviderRow,
  { issuer, subject, email }: Identity,
): Promise<LinkVerdict | undefined> => {
  const [row] = await tx.list('identities', { where: { identityProviderId: provider.id, issuer, subject }, limit: 1 })
  const actor = row === undefined ? undefined : await tx.get('actors', row.actorId)
  if (row === undefined || actor === undefined) return undefined
  // If the subject is the e-mail address itself, the identity belongs to the address's present holder.
  const address = foldedEmail(subject)
  if (email !== undefined && address === foldedEmail(email) && address !== actor.email) {
    await tx.remove('identities', row.id)
    return undefined
  }
  if (actor.type === 'service_account') return NOT_A_PERSON
  return actor.isDisabled ? DISABLED : { ok: true, actor, identityId: row.id }
}

const adopt = async (
  tx: Transaction,
  provider: IdentityProviderRow,
  { issuer, subject, email, emailVerified, emailDoubt }: Identity,
): Promise<LinkVerdict> => {
  if (email === undefined) return { ...noAddress(provider), ...detailOf(emailDoubt) }
  if (!emailVerified) return { ...notVouched(provider, email), ...detailOf(emailDoubt) }
  const address = foldedEmail(email)
  const [actor] = address === undefined ? [] : await tx.list('actors', { where: { email: address }, limit: 1 })
  if (address === undefined || actor === undefined || actor.type === 'service_account') return unknown(email)
  if (actor.isDisabled) return DISABLED
  if (!speaksFor(provider, address)) return notItsDomain(provider, address)
  // E-mail addresses get new holders; subjects do not. And a second provider must not take over a person who has signed
  // in through another one.
  const others = await tx.list('identities', { where: { actorId: actor.id } })
  if (others.some(({ identityProviderId }) => identityProviderId === provider.id)) return conflict(email)
  if (others.length > 0) return needsAdmin(provider, email)
  const { id } = await tx.insert('identities', {
    actorId: actor.id,
    identityProviderId: provider.id,
    issuer,
    subject,
  })
  return { ok: true, actor, identityId: id }
}

type Refused = Extract<LinkVerdict, { ok: false }>

const detailOf = (detail: string | undefined): { detail?: string } => (detail === undefined ? {} : { detail })

const unknown = (email: string): Refused => ({
  ok: false,
  code: 'unknown_person',
  publicText: `You have proven who you are, but nobody of this account has the address ${email}. Ask an admin to add you.`,
})
const noAddress = ({ name }: IdentityProviderRow): Refused => ({
  ok: false,
  code: 'no_address',
  publicText: `You have proven who you are, but ${name} did not tell us your e-mail address, so we cannot tell who you are in this account. Ask an admin to link you.`,
})
const notVouched = ({ name }: IdentityProviderRow, email: string): Refused => ({
  ok: false,
  code: 'address_not_vouched',
  publicText: `You have proven who you are, but ${name} does not vouch for ${email} being your address. Ask an admin to link you.`,
})
const notItsDomain = ({ name }: IdentityProviderRow, email: string): Refused => ({
  ok: false,
  code: 'domain_not_configured',
  publicText: `You have proven who you are, but ${name} may not be used for addresses like ${email} in this account. Sign in another way, or ask an admin.`,
  detail: `the provider's email_domains do not have the domain of ${email}: add it, or create the identity with POST /api/v1/identities`,
})
const needsAdmin = ({ name }: IdentityProviderRow, email: string): Refused => ({
  ok: false,
  code: 'link_needs_admin',
  publicText: `${email} signs in another way in this account. Do so, or ask an admin to link ${name} to you.`,
  detail:
    'the actor has an identity at another provider: if this is the same person, create this one with POST /api/v1/identities',
})
const conflict = (email: string): Refused => ({
  ok: false,
  code: 'identity_conflict',
  publicText: `Another identity with the address ${email} has signed in before. Ask an admin to remove the old one.`,
  detail:
    'the actor has another identity at this provider: if this is the same person, remove that one, or create this one with POST /api/v1/identities',
})
const DISABLED: Refused = {
  ok: false,
  code: 'actor_disabled',
  publicText: 'An admin has disabled your access to this account.',
}
const NOT_A_PERSON: Refused = {
  ok: false,
  code: 'not_a_person',
  publicText:
    'You have proven who you are, but your identity belongs to a service account, which cannot sign in. Ask an admin.',
}
