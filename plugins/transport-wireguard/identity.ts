import { utf8 } from 'portreeve'
import { blake2s, type X25519PrivateKey, type X25519PublicKey } from 'portreeve/crypto'

/**
 * Keys derived from a public key: for the mac1 of messages to its owner, and for the cookies that the owner sends
 * (§5.4.4, §5.4.7).
 */
export interface MacKeys {
  readonly mac1Key: Uint8Array
  readonly cookieKey: Uint8Array
}

/** Own keys of one end. */
export interface Identity {
  readonly key: X25519PrivateKey
  readonly macKeys: MacKeys
}

export const macKeysOf = (publicKey: Pick<X25519PublicKey, 'bytes'>): MacKeys => ({
  mac1Key: blake2s(utf8('mac1----'), publicKey.bytes),
  cookieKey: blake2s(utf8('cookie--'), publicKey.bytes),
})
