import { utf8 } from 'portreeve'
import { blake2s, ChaCha20Poly1305, hkdfBlake2s } from 'portreeve/crypto'

/**
 * Reason for a failed handshake: a part cannot be decrypted (`wrong-key`), or a public key is of low order
 * (`weak-key`).
 */
export type NoiseFailure = 'wrong-key' | 'weak-key'

/**
 * Symmetric state of a handshake (Noise §5.2, SymmetricState): a chaining key, a hash of the transcript, and a key that
 * every mixed-in secret replaces, so that its nonce is always zero.
 *
 * The first failure is kept in `failure`, and later calls have no effect on it: a handshake pattern is written without
 * branches, and `failure` is checked at its end.
 */
export class NoiseState {
  failure: NoiseFailure | undefined
  #chainingKey: Uint8Array
  #hash: Uint8Array
  #key: Uint8Array = NOTHING

  private constructor(chainingKey: Uint8Array, hash: Uint8Array) {
    this.#chainingKey = chainingKey
    this.#hash = hash
  }

  /** Returns the state before the first message, given the responder's static public key. */
  static begin(responderStatic: Uint8Array): NoiseState {
    return new NoiseState(INITIAL_CHAINING_KEY, blake2s(INITIAL_HASH, responderStatic))
  }

  /** Returns an independent copy, to process a message that may be forged. */
  copy(): NoiseState {
    const copy = new NoiseState(this.#chainingKey, this.#hash)
    copy.#key = this.#key
    copy.failure = this.failure
    return copy
  }

  /** Token `e`: mixes an ephemeral public key into the hash and, as in all psk patterns, into the key (Noise §9.2). */
  mixEphemeral(publicKey: Uint8Array): void {
    this.#mixHash(publicKey)
    const [chainingKey = NOTHING] = hkdfBlake2s(this.#chainingKey, publicKey, 1)
    this.#chainingKey = chainingKey
  }

  /** Tokens `ee`, `es`, `se`, `ss`: mixes in a shared secret; undefined, from a key of low order, is a failure. */
  mixSecret(secret: Uint8Array | undefined): void {
    if (secret === undefined) this.failure ??= 'weak-key'
    const [chainingKey = NOTHING, key = NOTHING] = hkdfBlake2s(this.#chainingKey, secret ?? NOTHING, 2)
    this.#chainingKey = chainingKey
    this.#key = key
  }

  /** Token `psk`: mixes in the pre-shared key of 32 bytes. */
  mixPresharedKey(presharedKey: Uint8Array): void {
    const [chainingKey = NOTHING, hashed = NOTHING, key = NOTHING] = hkdfBlake2s(this.#chainingKey, presharedKey, 3)
    this.#chainingKey = chainingKey
    this.#mixHash(hashed)
    this.#key = key
  }

  /** Encrypts a part of a message, authenticating the transcript before it as well. */
  seal(plain: Uint8Array): Uint8Array {
    const sealed = new ChaCha20Poly1305(this.#key).seal(0, plain, this.#hash)
    this.#mixHash(sealed)
    return sealed
  }

  /** Decrypts a part of a message; returns an empty array on failure. */
  open(sealed: Uint8Array): Uint8Array {
    const plain = new ChaCha20Poly1305(this.#key).open(0, sealed, this.#hash)
    this.#mixHash(sealed)
    if (plain === undefined) this.failure ??= 'wrong-key'
    return plain ?? NOTHING
  }

  /** Returns the session's keys for sending: the initiator's and the responder's. */
  split(): { initiatorKey: Uint8Array; responderKey: Uint8Array } {
    const [initiatorKey = NOTHING, responderKey = NOTHING] = hkdfBlake2s(this.#chainingKey, NOTHING, 2)
    return { initiatorKey, responderKey }
  }

  #mixHash(data: Uint8Array): void {
    this.#hash = blake2s(this.#hash, data)
  }
}

const NOTHING = new Uint8Array(0)
const INITIAL_CHAINING_KEY = blake2s(utf8('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'))
const INITIAL_HASH = blake2s(INITIAL_CHAINING_KEY, utf8('WireGuard v1 zx2c4 Jason@zx2c4.com'))
