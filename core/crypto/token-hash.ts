import { sha3 } from './hash.ts'
import { toHex } from './text-encoding.ts'

/** Hash of a token, in hex, which is stored in its place. Without the nonce, which only the asking client has, a fragment is useless. */
export const tokenHash = (token: { nonce: string; fragment: string; salt: string }): string =>
  toHex(sha3(token.nonce, token.fragment, token.salt))
