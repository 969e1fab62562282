import { equalSecrets } from '../../../core/crypto/equal-secrets.ts'
import { hmacSha256 } from '../../../core/crypto/hash.ts'
import { fromBase64Url, fromHex, toBase64Url, toHex } from '../../../core/crypto/text-encoding.ts'

// Format: nonce "." base64url(account id, token id, secret) "." base64url(HMAC-SHA256). Only A-Z a-z 0-9 . _ -
// occur, because some clients decode `+` and `%` twice. The signature rejects invented tokens without a database query;
// the token's hash in its row is the proof. All but the nonce is the fragment.

const FRAGMENT_BYTES = 32
const UUID_BYTES = 16
const MAX_NONCE_CHARACTERS = 128
const MAX_TOKEN_CHARACTERS = 512

/** Parts of a token. */
export interface TokenParts {
  /** Random text from the client that asked for the token; empty if no client did. */
  nonce: string
  accountId: string
  tokenId: string
  /** Secret that the portal made: 32 bytes in lower-case hex. */
  secret: string
}

export type TokenParsing = { ok: true; parts: TokenParts } | { ok: false; reason: 'malformed' | 'forged' }

/** Whether a text has the form of a nonce: at most 128 characters of those in tokens, without the dot. */
export const isNonce = (text: string): boolean => text.length <= MAX_NONCE_CHARACTERS && /^[A-Za-z0-9_-]*$/.test(text)

/** Returns the fragment of a token: its text without the nonce. Begins with a dot. */
export const signedFragment = (parts: Omit<TokenParts, 'nonce'>, key: Uint8Array): string => {
  const body = toBase64Url(
    new Uint8Array([...uuidBytes(parts.accountId), ...uuidBytes(parts.tokenId), ...hexBytes(parts.secret)]),
  )
  return `.${body}.${toBase64Url(hmacSha256(key, body))}`
}

/** Splits a token into its parts and checks the portal's signature. Accepts any text and never throws. */
export const parseToken = (text: string, key: Uint8Array): TokenParsing => {
  if (text.length > MAX_TOKEN_CHARACTERS) return { ok: false, reason: 'malformed' }
  const [nonce = '', body = '', signature = '', ...rest] = text.split('.')
  const bytes = fromBase64Url(body)
  if (rest.length > 0 || !isNonce(nonce) || bytes?.length !== 2 * UUID_BYTES + FRAGMENT_BYTES) {
    return { ok: false, reason: 'malformed' }
  }
  if (!equalSecrets(signature, toBase64Url(hmacSha256(key, body)))) return { ok: false, reason: 'forged' }
  return {
    ok: true,
    parts: {
      nonce,
      accountId: uuidText(bytes.subarray(0, UUID_BYTES)),
      tokenId: uuidText(bytes.subarray(UUID_BYTES, 2 * UUID_BYTES)),
      secret: toHex(bytes.subarray(2 * UUID_BYTES)),
    },
  }
}

const hexBytes = (text: string): Uint8Array => {
  const bytes = fromHex(text)
  if (bytes === undefined) throw new Error('not hex')
  return bytes
}

const uuidBytes = (id: string): Uint8Array => hexBytes(id.replaceAll('-', ''))

const uuidText = (bytes: Uint8Array): string =>
  toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
