import { sha256 } from '../../../../core/crypto/hash.ts'
import { toHex } from '../../../../core/crypto/text-encoding.ts'
import type { Actor, IdentityProviderRow } from '../../store/entities.ts'
import type { Reader } from '../../store/store.ts'

/** Rows that something which was signed in rests on; null for an emergency code. */
export interface Roots {
  actorId: string
  identityProviderId: string | null
  identityId: string | null
}

/** Whoever signed in, and by which provider, while all of it is what it was. */
export interface Standing {
  actor: Actor
  /** Undefined for an emergency code. */
  provider: IdentityProviderRow | undefined
}

/** Whether somebody who proved who she is still is: actor and provider enabled, and the identity hers. An emergency is an admin's. */
export const standingOf = async (
  reader: Reader,
  { actorId, identityProviderId, identityId }: Roots,
): Promise<Standing | undefined> => {
  const actor = await reader.get('actors', actorId)
  if (actor === undefined || actor.isDisabled || actor.type === 'service_account') return undefined
  if (identityProviderId === null) return actor.type === 'admin' ? { actor, provider: undefined } : undefined
  const provider = await reader.get('identity_providers', identityProviderId)
  const identity = await reader.get('identities', identityId ?? '')
  if (provider === undefined || provider.isDisabled || identity?.actorId !== actor.id) return undefined
  return identity.identityProviderId === provider.id ? { actor, provider } : undefined
}

/** Stands for how a provider is set up: a sign-in that began with other settings does not go on with these. */
export const setUpOf = ({ type, settings }: IdentityProviderRow): string =>
  toHex(sha256(JSON.stringify([type, settings]))).slice(0, 32)
