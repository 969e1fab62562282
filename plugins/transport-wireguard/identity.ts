import { blake2s, utf8, type X25519PrivateKey, type X25519PublicKey } from 'portreeve'

/** The keys that follow from a public key: whoever knows it can make mac1, and read the cookies of its owner (§5.4.4, §5.4.7). */
export interface MacKeys {
  readonly mac1Key: Uint8Array
  readonly cookieKey: Uint8Array
}

/** One end's own keys. */
export interface Identity {
  readonly key: X25519PrivateKey
  readonly macKeys: MacKeys
}

export const macKeysOf = (publicKey: Pick<X25519PublicKey, 'bytes'>): MacKeys => ({
  mac1Key: blake2s(utf8('mac1----'), publicKey.bytes),
  cookieKey: blake2s(utf8('cookie--'), publicKey.bytes),
})
