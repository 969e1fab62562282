import type { Identity } from '../../../../core/contract/identity-provider.ts'
import { foldedEmail } from '../../email-address.ts'
import type { Actor, IdentityProviderRow } from '../../entities.ts'
import type { Store, Transaction } from '../../store/store.ts'

export type LinkVerdict = { ok: true; actor: Actor } | { ok: false; code: LinkRefusal; publicText: string }
export type LinkRefusal = 'unknown_person' | 'actor_disabled' | 'identity_conflict'

/**
 * Whose a proven identity is: by (provider, issuer, subject), else by the verified e-mail address of an existing actor, to whom it
 * belongs from then on. Nobody is created.
 */
export const linkActor = async (
  store: Store,
  { provider, identity }: { provider: IdentityProviderRow; identity: Identity },
): Promise<LinkVerdict> => {
  const { accountId } = provider
  const by = { type: 'system', part: 'sign-in' } as const
  return store.transact({ accountId, by }, async (tx) => {
    const known = await linked(tx, provider, identity)
    if (known !== undefined) return known.isDisabled ? DISABLED : { ok: true, actor: known }
    return adopt(tx, provider, identity)
  })
}

const linked = async (
  tx: Transaction,
  provider: IdentityProviderRow,
  { issuer, subject }: Identity,
): Promise<Actor | undefined> => {
  const [row] = await tx.list('identities', { where: { identityProviderId: provider.id, issuer, subject }, limit: 1 })
  return row === undefined ? undefined : tx.get('actors', row.actorId)
}

const adopt = async (
  tx: Transaction,
  provider: IdentityProviderRow,
  { issuer, subject, email, emailVerified }: Identity,
): Promise<LinkVerdict> => {
  const address = email === undefined || !emailVerified ? undefined : foldedEmail(email)
  if (address === undefined) return UNKNOWN
  const [actor] = await tx.list('actors', { where: { email: address }, limit: 1 })
  if (actor === undefined || actor.type === 'service_account') return UNKNOWN
  if (actor.isDisabled) return DISABLED
  // Addresses are given to new people; subjects are not.
  const others = await tx.list('identities', { where: { actorId: actor.id, identityProviderId: provider.id, issuer } })
  if (others.length > 0) return CONFLICT
  await tx.insert('identities', { actorId: actor.id, identityProviderId: provider.id, issuer, subject })
  return { ok: true, actor }
}

const UNKNOWN: LinkVerdict = {
  ok: false,
  code: 'unknown_person',
  publicText:
    'You have proven who you are, but nobody of this account has your verified e-mail address. Ask an admin to add you.',
}
const DISABLED: LinkVerdict = {
  ok: false,
  code: 'actor_disabled',
  publicText: 'An admin has disabled your access to this account.',
}
const CONFLICT: LinkVerdict = {
  ok: false,
  code: 'identity_conflict',
  publicText: 'Another identity with your e-mail address has signed in before. Ask an admin to remove the old one.',
}
