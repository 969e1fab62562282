// Long-term credentials in a request to a relay (RFC 8489 §9.2.4), as RFC 8656 clients and released peers send them.
import { NONCE, readText, REALM, USERNAME } from '../stun/stun-attributes.ts'
import { provesKey, type StunMessage } from '../stun/stun-message.ts'
import type { Instant } from '../runtime/time.ts'
import { longTermKey } from './long-term-key.ts'
import type { Nonces } from './nonces.ts'

/** Returns the password of a user name at a time; undefined for a user name that is unknown or has expired. */
export type PasswordOf = (username: string, now: Instant) => string | undefined

/** Outcome of checking a request's credentials. */
export type RequestProof =
  /** The sender knows the password and receives at its source. */
  | { type: 'proven'; username: string; key: Uint8Array }
  /**
   * Error to answer with. `key` is there if the sender proved that it knows the password: released peers believe only
   * answers with MESSAGE-INTEGRITY, errors too.
   */
  | { type: 'refused'; code: 400 | 401 | 438; key?: Uint8Array }

export interface ProofOptions {
  realm: string
  nonces: Nonces
  passwordOf: PasswordOf
}

/** Longest user name (RFC 8489 §14.3 allows 508 bytes). */
const MAX_USERNAME_CHARACTERS = 508

/** Checks the credentials of a request from a source. */
export const proofOf = (
  message: StunMessage,
  { source, now }: { source: string; now: Instant },
  { realm, nonces, passwordOf }: ProofOptions,
): RequestProof => {
  // RFC 8489 §9.2.4, in its order.
  if (message.integrity === undefined) return { type: 'refused', code: 401 }
  const username = readText(message, USERNAME)
  const said = readText(message, REALM)
  if (username === undefined || said === undefined) return { type: 'refused', code: 400 }
  const password = username.length > MAX_USERNAME_CHARACTERS ? undefined : passwordOf(username, now)
  if (password === undefined || said !== realm) return { type: 'refused', code: 401 }
  const key = longTermKey({ username, realm, password })
  if (!provesKey(message, key)) return { type: 'refused', code: 401 }
  const nonce = readText(message, NONCE)
  // A released peer's first Allocate has all but the nonce, for which the RFC wants 400 and such a peer 401.
  if (nonce === undefined) return { type: 'refused', code: 401, key }
  return nonces.isFresh(nonce, source, now) ? { type: 'proven', username, key } : { type: 'refused', code: 438, key }
}
