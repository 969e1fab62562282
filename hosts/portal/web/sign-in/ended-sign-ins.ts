import type { IdentityRow } from '../../entities.ts'
import type { Transaction } from '../../store/store.ts'

/**
 * Removes the client tokens that an actor has by signing in at a provider, when an identity there stops being hers. Tokens name the
 * provider and no identity: where she has another one there, she signs in by it again. Sessions name theirs, and end by themselves.
 */
export const endSignInsBy = async (
  tx: Transaction,
  { actorId, identityProviderId }: Pick<IdentityRow, 'actorId' | 'identityProviderId'>,
): Promise<void> => {
  for (const { id } of await tx.list('tokens', { where: { actorId, identityProviderId } }))
    await tx.remove('tokens', id)
}

/** Leaves nothing of a person who becomes a service account: neither whom a provider knows her as, nor what she signed in to. */
export const endSignInsOf = async (tx: Transaction, actorId: string): Promise<void> => {
  for (const { id } of await tx.list('identities', { where: { actorId } })) await tx.remove('identities', id)
  for (const { id, identityProviderId } of await tx.list('tokens', { where: { actorId } })) {
    if (identityProviderId !== null) await tx.remove('tokens', id)
  }
}
