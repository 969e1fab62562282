import { sha3 } from './hash.ts'
import { toHex } from './text-encoding.ts'

/**
 * Hashes a token, in hex, so that it need not be stored itself. The nonce is known only to the client that signs in: a
 * stolen fragment alone is useless.
 */
export const tokenHash = (token: { nonce: string; fragment: string; salt: string }): string =>
  toHex(sha3(token.nonce, token.fragment, token.salt))
