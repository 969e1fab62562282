import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'

/**
 * Parameters of XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): a 32-byte key, a random 24-byte nonce and associated
 * data.
 */
export interface XSealing {
  key: Uint8Array
  nonce: Uint8Array
  associated: Uint8Array
}

/** Encrypts and returns the ciphertext, followed by its 16-byte tag. */
export const xchachaSeal = ({ key, nonce, associated }: XSealing, plain: Uint8Array): Uint8Array =>
  xchacha20poly1305(key, nonce, associated).encrypt(plain)

/** Decrypts and returns the plaintext; undefined if anything differs from the sealing. */
export const xchachaOpen = ({ key, nonce, associated }: XSealing, sealed: Uint8Array): Uint8Array | undefined => {
  try {
    return xchacha20poly1305(key, nonce, associated).decrypt(sealed)
  } catch {
    return undefined
  }
}
