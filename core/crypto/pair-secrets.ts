import { pbkdf2Sync } from 'node:crypto'
import { sha256 } from './hash.ts'
import { toBase32, toBase64, utf8 } from './text-encoding.ts'

// What the portal computes for a client and a gateway, so that they can find and trust one another: wire §3.

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
