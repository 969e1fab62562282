import type { Identity } from '../../../../core/contract/identity-provider.ts'
import { foldedEmail } from '../../email-address.ts'
import type { Actor, IdentityProviderRow } from '../../entities.ts'
import type { Store, Transaction } from '../../store/store.ts'

export type LinkVerdict =
  { ok: true; actor: Actor; identityId: string } | { ok: false; code: LinkRefusal; publicText: string }
export type LinkRefusal = 'unknown_person' | 'actor_disabled' | 'identity_conflict' | 'not_a_person'

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
    return (await linked(tx, provider, identity)) ?? adopt(tx, provider, identity)
  })
}

const linked = async (
  tx: Transaction,
  provider: IdentityProviderRow,
  { issuer, subject }: Identity,
): Promise<LinkVerdict | undefined> => {
  const [row] = await tx.list('identities', { where: { identityProviderId: provider.id, issuer, subject }, limit: 1 })
  const actor = row === undefined ? undefined : await tx.get('actors', row.actorId)
  if (row === undefined || actor === undefined) return undefined
  if (actor.type === 'service_account') return NOT_A_PERSON
  return actor.isDisabled ? DISABLED : { ok: true, actor, identityId: row.id }
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
  const { id } = await tx.insert('identities', {
    actorId: actor.id,
    identityProviderId: provider.id,
    issuer,
    subject,
  })
  return { ok: true, actor, identityId: id }
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
const NOT_A_PERSON: LinkVerdict = {
  ok: false,
  code: 'not_a_person',
  publicText:
    'You have proven who you are, but by that you are a service account, which does not sign in. Ask an admin.',
}
const CONFLICT: LinkVerdict = {
  ok: false,
  code: 'identity_conflict',
  publicText: 'Another identity with your e-mail address has signed in before. Ask an admin to remove the old one.',
}
