// S11: an identity, a session and a token live as long as what they rest on. Judged at the end of each transaction, whoever makes it, so
// that every way by which something ends meets the same rule.
import { foldedEmail } from '../text/email-address.ts'
import type { Actor, Change, IdentityProviderRow, IdentityRow } from './entities.ts'
import type { Transaction } from './store.ts'

/** Ends what rests on what these changes of one account took away. */
export const endSignIns = async (tx: Transaction, changes: readonly Change[]): Promise<void> => {
  for (const change of changes) {
    switch (change.entity) {
      case 'identities':
        await identityChanged(tx, change)
        break
      case 'actors':
        await actorChanged(tx, change)
        break
      case 'identity_providers':
        await providerChanged(tx, change)
        break
      case 'accounts':
      case 'authorizations':
      case 'clients':
      case 'gateways':
      case 'groups':
      case 'memberships':
      case 'policies':
      case 'resources':
      case 'sites':
      case 'tokens':
        break
    }
  }
}

interface ChangeOf<Row> {
  before?: Row
  after?: Row
}

/**
 * A removed identity, or one that is another actor's from now on. Tokens name the provider and no identity: where she has another one
 * there, she signs in by it again. Sessions name theirs, and end by themselves.
 */
const identityChanged = async (tx: Transaction, { before, after }: ChangeOf<IdentityRow>): Promise<void> => {
  if (before === undefined || before.actorId === after?.actorId) return
  const { actorId, identityProviderId } = before
  for (const { id } of await tx.list('tokens', { where: { actorId, identityProviderId } }))
    await tx.remove('tokens', id)
}

const actorChanged = async (tx: Transaction, { before, after }: ChangeOf<Actor>): Promise<void> => {
  // A code that was mailed to whoever had the address is none for whoever has it next.
  for (const about of before?.email === after?.email ? [] : [before?.email, after?.email])
    if (typeof about === 'string') await tx.endSignInsUnderWay({ about })
  if (before === undefined) return
  const { id } = before
  if (after === undefined) return tx.endSessions({ actorId: id })
  if (before.email !== after.email) await endIdentitiesAt(tx, id, before.email)
  if (after.type === 'service_account') await endEverySignIn(tx, id)
  if (before.type === 'admin' && after.type === 'user') {
    for (const token of await tx.list('tokens', { where: { actorId: id, kind: 'api' } }))
      await tx.remove('tokens', token.id)
  }
  // Enabled again, she signs in again. Tokens that an admin made for her are what an admin has to revoke.
  if (!before.isDisabled && after.isDisabled) {
    await endTokens(tx, id)
    await tx.endSessions({ actorId: id })
    if (before.email !== null) await tx.endSignInsUnderWay({ about: before.email })
  }
}

/** Removes identities whose subject is an address that the actor no longer has: it may be somebody else's tomorrow. */
const endIdentitiesAt = async (tx: Transaction, actorId: string, address: string | null): Promise<void> => {
  for (const row of await tx.list('identities', { where: { actorId } })) {
    if (address === null || foldedEmail(row.subject) !== address) continue
    await tx.remove('identities', row.id)
    await identityChanged(tx, { before: row })
  }
}

/** Leaves nothing of a person who becomes a service account: neither whom a provider knows her as, nor what she signed in to. */
const endEverySignIn = async (tx: Transaction, actorId: string): Promise<void> => {
  for (const { id } of await tx.list('identities', { where: { actorId } })) await tx.remove('identities', id)
  await endTokens(tx, actorId)
  await tx.endSessions({ actorId })
}

const endTokens = async (tx: Transaction, actorId: string): Promise<void> => {
  for (const { id, identityProviderId } of await tx.list('tokens', { where: { actorId } }))
    if (identityProviderId !== null) await tx.remove('tokens', id)
}

/**
 * While a provider is disabled nothing that rests on it counts. The rows go when it is enabled again, and not before: a withdrawal must
 * not wait for ten thousand of them.
 */
const providerChanged = async (tx: Transaction, { before, after }: ChangeOf<IdentityProviderRow>): Promise<void> => {
  if (before === undefined) return
  const identityProviderId = before.id
  if (after === undefined || after.isDisabled) return tx.endSessions({ identityProviderId })
  if (!before.isDisabled) return
  for (const { id } of await tx.list('tokens', { where: { identityProviderId } })) await tx.remove('tokens', id)
  await tx.endSessions({ identityProviderId })
  await tx.endSignInsUnderWay({ identityProviderId })
}
