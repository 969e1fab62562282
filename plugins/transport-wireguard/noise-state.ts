import { blake2s, ChaCha20Poly1305, hkdfBlake2s, utf8 } from 'portreeve'

/** Why a handshake cannot go on: what was sealed does not open, or a public key is of low order. */
export type NoiseFailure = 'wrong-key' | 'weak-key'

/**
 * What both ends of a handshake compute in step (Noise §5.2, SymmetricState): a chaining key, a hash of all that was said, and a
 * key that is replaced by every secret that is mixed in, so that its counter is always zero.
 *
 * The first failure sticks and makes the rest of no consequence: a pattern is written down without a branch, and `failure` is
 * asked at its end.
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

  /** The state before the first message: the responder's public key is known beforehand. */
  static begin(responderStatic: Uint8Array): NoiseState {
    return new NoiseState(INITIAL_CHAINING_KEY, blake2s(INITIAL_HASH, responderStatic))
  }

  /** A state that goes on by itself: for messages that may turn out to be forged. */
  copy(): NoiseState {
    const copy = new NoiseState(this.#chainingKey, this.#hash)
    copy.#key = this.#key
    copy.failure = this.failure
    return copy
  }

  /** `e`: an ephemeral key is hashed, and with a psk pattern mixed into the keys too (Noise §9.2). */
  mixEphemeral(publicKey: Uint8Array): void {
    this.#mixHash(publicKey)
    const [chainingKey = NOTHING] = hkdfBlake2s(this.#chainingKey, publicKey, 1)
    this.#chainingKey = chainingKey
  }

  /** `ee`, `es`, `se`, `ss`: a shared secret; undefined stands for an agreement with a key of low order. */
  mixSecret(secret: Uint8Array | undefined): void {
    if (secret === undefined) this.failure ??= 'weak-key'
    const [chainingKey = NOTHING, key = NOTHING] = hkdfBlake2s(this.#chainingKey, secret ?? NOTHING, 2)
    this.#chainingKey = chainingKey
    this.#key = key
  }

  /** `psk`: 32 bytes that both sides know. */
  mixPresharedKey(presharedKey: Uint8Array): void {
    const [chainingKey = NOTHING, hashed = NOTHING, key = NOTHING] = hkdfBlake2s(this.#chainingKey, presharedKey, 3)
    this.#chainingKey = chainingKey
    this.#mixHash(hashed)
    this.#key = key
  }

  /** Seals a part of a message; the hash of all before it is authenticated with it. */
  seal(plain: Uint8Array): Uint8Array {
    const sealed = new ChaCha20Poly1305(this.#key).seal(0, plain, this.#hash)
    this.#mixHash(sealed)
    return sealed
  }

  /** Opens a part of a message; nothing where it does not open. */
  open(sealed: Uint8Array): Uint8Array {
    const plain = new ChaCha20Poly1305(this.#key).open(0, sealed, this.#hash)
    this.#mixHash(sealed)
    if (plain === undefined) this.failure ??= 'wrong-key'
    return plain ?? NOTHING
  }

  /** The keys of the session: the initiator's to send with, and the responder's. */
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
