import { hmacSha1, sha256 } from './hash.ts'
import { fromHex, fromUnpaddedBase64, toBase64, toHex, toUnpaddedBase64 } from './text-encoding.ts'

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

/**
 * Makes the salt of a user name that carries the peer's account, `<salt>.<sealed account>`, for a relay with a stamp secret.
 * Only that relay can read the account: whoever sees the user names of several peers does not learn which of them have the
 * same one. Returns the salt as it is for an id that is no UUID.
 */
export const saltWithAccount = (peer: { salt: string; accountId: string; stampSecret: string }): string => {
  const id = fromHex(peer.accountId.replaceAll('-', ''))
  return id?.length === ACCOUNT_BYTES ? `${peer.salt}.${toUnpaddedBase64(masked(id, peer))}` : peer.salt
}

/** Returns the account id that a user name of `saltWithAccount` carries; undefined if there is none. */
export const accountOfUsername = (relay: { username: string; stampSecret: string }): string | undefined => {
  const [, salt = '', sealed = ''] = /^\d{1,12}:(.+)\.([^.]+)$/s.exec(relay.username) ?? []
  const bytes = fromUnpaddedBase64(sealed)
  if (bytes?.length !== ACCOUNT_BYTES) return undefined
  const hex = toHex(masked(bytes, { salt, stampSecret: relay.stampSecret }))
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Returns the unix time in seconds at which a user name `<unix expiry>:<salt>` expires; undefined if it has none. */
export const relayUsernameExpiry = (username: string): number | undefined => {
  const digits = /^(\d{1,12}):/.exec(username)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** Derives the password of a user name `<unix expiry>:<name>` at coturn with `use-auth-secret`. */
export const coturnPassword = (relay: { secret: string; username: string }): string =>
  toBase64(hmacSha1(relay.secret, relay.username))

/** Bytes of an account id, a UUID. */
const ACCOUNT_BYTES = 16

/** Masks or unmasks an account id, by a mask of its own for each peer and relay. */
const masked = (id: Uint8Array, { salt, stampSecret }: { salt: string; stampSecret: string }): Uint8Array => {
  const mask = sha256(`account:${stampSecret}:${salt}`)
  return id.map((byte, index) => byte ^ (mask[index] ?? 0))
}
