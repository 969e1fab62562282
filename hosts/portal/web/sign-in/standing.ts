import { sha256 } from '../../../../core/crypto/hash.ts'
import { toHex } from '../../../../core/crypto/text-encoding.ts'
import { mayUseEmergencyCode } from '../../identity/permissions.ts'
import type { Actor, IdentityProviderRow } from '../../store/entities.ts'
import type { Reader } from '../../store/store.ts'

/** Ids of the rows on which a session or token from a sign-in depends; null for an emergency code. */
export interface Roots {
  actorId: string
  identityProviderId: string | null
  identityId: string | null
}

/** Person and provider of a sign-in that is still valid. */
export interface Standing {
  actor: Actor
  /** Provider of the sign-in; undefined for an emergency code. */
  provider: IdentityProviderRow | undefined
}

/**
 * Returns actor and provider of a sign-in that is still valid: both enabled, and the identity still the actor's. A
 * sign-in with an emergency code is valid only for an owner or admin. Returns undefined otherwise.
 */
export const standingOf = async (
  reader: Reader,
  { actorId, identityProviderId, identityId }: Roots,
): Promise<Standing | undefined> => {
  const actor = await reader.get('actors', actorId)
  if (actor === undefined || actor.isDisabled || actor.type === 'service_account') return undefined
  if (identityProviderId === null) return mayUseEmergencyCode(actor) ? { actor, provider: undefined } : undefined
  const provider = await reader.get('identity_providers', identityProviderId)
  const identity = await reader.get('identities', identityId ?? '')
  if (provider === undefined || provider.isDisabled || identity?.actorId !== actor.id) return undefined
  return identity.identityProviderId === provider.id ? { actor, provider } : undefined
}

/** Fingerprint of a provider's settings: a sign-in that began with other settings is not continued. */
export const settingsFingerprint = ({ type, settings }: IdentityProviderRow): string =>
  toHex(sha256(JSON.stringify([type, settings]))).slice(0, 32)
