import { sha3 } from './hash.ts'
import { toHex } from './text-encoding.ts'

/**
 * Hashes a token, in hex, so that it need not be stored itself. The nonce comes from the client that signs in: what a
 * redirect shows of the token is useless without it.
 */
export const tokenHash = (token: { nonce: string; secret: string; salt: string }): string =>
  toHex(sha3(token.nonce, token.secret, token.salt))
