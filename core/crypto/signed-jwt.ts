import { hmacSha256 } from './hash.ts'
import { toBase64Url, utf8 } from './text-encoding.ts'

/** Makes a compact JWS (RFC 7515 §3.1) with HS256 (RFC 7518 §3.2). The claims keep their order. */
export const signedJwt = (token: { claims: Readonly<Record<string, unknown>>; key: string | Uint8Array }): string => {
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(token.claims)}`
  return `${signed}.${toBase64Url(hmacSha256(token.key, signed))}`
}

const part = (value: unknown): string => toBase64Url(utf8(JSON.stringify(value)))
