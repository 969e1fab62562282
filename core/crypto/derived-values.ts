// What both ends of the wire compute from what they know: wire §3, known answers in test/vector/protocol/vectors.json.
import { pbkdf2Sync } from 'node:crypto'
import { hmacSha1, hmacSha256, sha256, sha3 } from './hash.ts'
import { toBase32, toBase64, toBase64Url, toHex, toUnpaddedBase64, utf8 } from './text-encoding.ts'

/** One end of a pair: its id (UUID text) and its public key (base64 text, 44 characters). */
export interface PairEnd {
  id: string
  publicKey: string
}

/** The name and the password of one ICE agent. */
export interface IceCredentials {
  username: string
  password: string
}

/** How a peer names itself to the portal: the hash of an id that is a UUID, any other id as it is. */
export const externalId = (id: string): string => (UUID.test(id) ? toHex(sha256(id)) : id)

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** WireGuard's pre-shared key of a pair, base64; each end's `pskBase` is 32 random bytes that only the portal knows. */
export const presharedKey = (pair: {
  client: PairEnd & { pskBase: Uint8Array }
  gateway: PairEnd & { pskBase: Uint8Array }
}): string => {
  const { client, gateway } = pair
  const salt = `WG_PSK|C_ID:${client.id}|G_ID:${gateway.id}|C_PK:${client.publicKey}|G_PK:${gateway.publicKey}`
  const password = new Uint8Array([...client.pskBase, ...gateway.pskBase])
  // Both bases are uniformly random, so there is nothing that further iterations would protect.
  return toBase64(pbkdf2Sync(password, utf8(salt), 1, 32, 'sha256'))
}

/** The credentials of both ICE agents of a pair: stable until a side restarts, which changes its key. */
export const iceCredentials = (pair: {
  client: PairEnd
  gateway: PairEnd
}): { client: IceCredentials; gateway: IceCredentials } => {
  const { client, gateway } = pair
  const hash = toBase32(sha256(`${client.id}:${client.publicKey}:${gateway.id}:${gateway.publicKey}`))
  return {
    client: { username: hash.slice(0, 4), password: hash.slice(4, 26) },
    gateway: { username: hash.slice(26, 30), password: hash.slice(30, 52) },
  }
}

/** What is stored of a token: hex. Without the nonce, which only the asking client has, a fragment is useless. */
export const tokenHash = (token: { nonce: string; fragment: string; salt: string }): string =>
  toHex(sha3(token.nonce, token.fragment, token.salt))

/** TURN credentials at a relay of the released dialect; `expiry` in unix seconds. One allocation per user name. */
export const stampedRelayCredentials = (relay: {
  publicKey: string
  expiry: number
  stampSecret: string
}): { username: string; password: string } => {
  const salt = toUnpaddedBase64(sha256(relay.publicKey))
  return {
    username: `${relay.expiry}:${salt}`,
    password: toUnpaddedBase64(sha256(`${relay.expiry}:${relay.stampSecret}:${salt}`)),
  }
}

/** The TURN password of `<unix expiry>:<name>` at a coturn that runs with `use-auth-secret`. */
export const coturnPassword = (relay: { secret: string; username: string }): string =>
  toBase64(hmacSha1(relay.secret, relay.username))

/** A compact JWS (RFC 7515 §3.1) with HS256 (RFC 7518 §3.2); the claims keep their order. */
export const signedJwt = (token: { claims: Readonly<Record<string, unknown>>; key: string | Uint8Array }): string => {
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(token.claims)}`
  return `${signed}.${toBase64Url(hmacSha256(token.key, signed))}`
}

const part = (value: unknown): string => toBase64Url(utf8(JSON.stringify(value)))
