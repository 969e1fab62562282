// S11: an identity, a session and a token end together with the actor, identity or provider that they came from.
// Applied at the end of every transaction, so that the rule holds however that row was changed.
import { foldedEmail } from '../text/email-address.ts'
import type { Actor, Change, IdentityProviderRow, IdentityRow } from './entities.ts'
import type { Transaction } from './store.ts'

/**
 * Ends the identities, sessions, tokens and unfinished sign-ins that depended on what these changes removed or
 * disabled. The changes are one account's.
 */
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
 * Removes the tokens of an identity that was removed or given to another actor. A token names its provider and not its
 * identity, so tokens of the actor's other identities at that provider go too: the person signs in again. A session
 * names its identity and is refused without it.
 */
const identityChanged = async (tx: Transaction, { before, after }: ChangeOf<IdentityRow>): Promise<void> => {
  if (before === undefined || before.actorId === after?.actorId) return
  const { actorId, identityProviderId } = before
  for (const { id } of await tx.list('tokens', { where: { actorId, identityProviderId } }))
    await tx.remove('tokens', id)
}

const actorChanged = async (tx: Transaction, { before, after }: ChangeOf<Actor>): Promise<void> => {
  // A code mailed to the previous holder of an address must not sign in its next holder.
  for (const about of before?.email === after?.email ? [] : [before?.email, after?.email])
    if (typeof about === 'string') await tx.endUnfinishedSignIns({ about })
  if (before === undefined) return
  const { id } = before
  if (after === undefined) return tx.endSessions({ actorId: id })
  if (before.email !== after.email) await endIdentitiesAt(tx, id, before.email)
  if (after.type === 'service_account') await endEverySignIn(tx, id)
  if (before.type !== 'user' && after.type === 'user') {
    for (const token of await tx.list('tokens', { where: { actorId: id, kind: 'api' } }))
      await tx.remove('tokens', token.id)
  }
  // An actor that is enabled again has to sign in again. Tokens that an admin made for the actor stay until an admin
  // revokes them.
  if (!before.isDisabled && after.isDisabled) {
    await endTokens(tx, id)
    await tx.endSessions({ actorId: id })
    if (before.email !== null) await tx.endUnfinishedSignIns({ about: before.email })
  }
}

/**
 * Removes identities whose subject is an e-mail address that the actor no longer has: it may be somebody else's
 * tomorrow.
 */
const endIdentitiesAt = async (tx: Transaction, actorId: string, address: string | null): Promise<void> => {
  for (const row of await tx.list('identities', { where: { actorId } })) {
    if (address === null || foldedEmail(row.subject) !== address) continue
    await tx.remove('identities', row.id)
    await identityChanged(tx, { before: row })
  }
}

/** Removes the identities, tokens from sign-ins and sessions of a person who becomes a service account. */
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
 * Ends what depends on a provider that was disabled or removed. Its tokens are refused while it is disabled; their rows
 * are removed only when it is enabled again, so that disabling it does not wait for ten thousand deletions.
 */
const providerChanged = async (tx: Transaction, { before, after }: ChangeOf<IdentityProviderRow>): Promise<void> => {
  if (before === undefined) return
  const identityProviderId = before.id
  if (after === undefined || after.isDisabled) return tx.endSessions({ identityProviderId })
  if (!before.isDisabled) return
  for (const { id } of await tx.list('tokens', { where: { identityProviderId } })) await tx.remove('tokens', id)
  await tx.endSessions({ identityProviderId })
  await tx.endUnfinishedSignIns({ identityProviderId })
}
