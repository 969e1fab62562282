import { pbkdf2Sync } from 'node:crypto'
import { sha256 } from './hash.ts'
import { toBase32, toBase64, utf8 } from './text-encoding.ts'

// Secrets that the portal derives for a pair of client and gateway, so that they can connect and authenticate each
// other (wire §3).

/** One end of a pair: its id (UUID text) and its public key (base64 text, 44 characters). */
export interface PairEnd {
  id: string
  publicKey: string
}

/** User name and password of one ICE agent (RFC 8445). */
export interface IceCredentials {
  username: string
  password: string
}

/**
 * Derives the WireGuard pre-shared key of a pair, in base64. Each end's `pskBase` is 32 random bytes that only the
 * portal knows.
 */
export const presharedKey = (pair: {
  client: PairEnd & { pskBase: Uint8Array }
  gateway: PairEnd & { pskBase: Uint8Array }
}): string => {
  const { client, gateway } = pair
  const salt = `WG_PSK|C_ID:${client.id}|G_ID:${gateway.id}|C_PK:${client.publicKey}|G_PK:${gateway.publicKey}`
  const password = new Uint8Array([...client.pskBase, ...gateway.pskBase])
  // One iteration is enough: both bases are uniformly random.
  return toBase64(pbkdf2Sync(password, utf8(salt), 1, 32, 'sha256'))
}

/**
 * Derives the ICE credentials of both ends of a pair. They change when an end restarts, because its public key does.
 */
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
