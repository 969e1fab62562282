import { md5 } from '../crypto/hash.ts'

/**
 * Derives the key of MESSAGE-INTEGRITY from long-term credentials (RFC 8489 §9.2.2), 16 bytes. User name and password
 * have to be normalized already (RFC 8265); those of a portal are ASCII.
 */
export const longTermKey = (credentials: { username: string; realm: string; password: string }): Uint8Array =>
  md5(`${credentials.username}:${credentials.realm}:${credentials.password}`)
