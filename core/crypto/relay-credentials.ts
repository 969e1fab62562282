import { hmacSha1, sha256 } from './hash.ts'
import { toBase64, toUnpaddedBase64 } from './text-encoding.ts'

/** User name and password of a peer at a relay. */
export interface RelayCredentials {
  /** `<unix expiry>:<salt>`. */
  username: string
  password: string
}

/**
 * Derives a peer's credentials at a relay that has registered with a stamp secret. The salt comes from the peer's public
 * key (base64), so that a peer has one user name at all relays until its credentials expire. `expiry` in unix seconds.
 */
export const stampedRelayCredentials = (relay: {
  publicKey: string
  expiry: number
  stampSecret: string
}): RelayCredentials => {
  const username = `${relay.expiry}:${toUnpaddedBase64(sha256(relay.publicKey))}`
  return { username, password: stampedRelayPassword({ username, stampSecret: relay.stampSecret }) ?? '' }
}

/**
 * Derives the password of a user name `<unix expiry>:<salt>` at a relay with a stamp secret; undefined if the user name
 * has another form.
 */
export const stampedRelayPassword = (relay: { username: string; stampSecret: string }): string | undefined => {
  const parts = /^(\d{1,12}):(.+)$/s.exec(relay.username)
  if (parts === null) return undefined
  return toUnpaddedBase64(sha256(`${parts[1] ?? ''}:${relay.stampSecret}:${parts[2] ?? ''}`))
}

/** Returns the unix time in seconds at which a user name `<unix expiry>:<salt>` expires; undefined if it has none. */
export const relayUsernameExpiry = (username: string): number | undefined => {
  const digits = /^(\d{1,12}):/.exec(username)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** Derives the password of a user name `<unix expiry>:<name>` at coturn with `use-auth-secret`. */
export const coturnPassword = (relay: { secret: string; username: string }): string =>
  toBase64(hmacSha1(relay.secret, relay.username))
