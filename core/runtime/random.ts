import { token } from '../di.ts'

/** Random source: cryptographically strong in a host, seeded in a test. */
export interface Random {
  /** Returns `length` random bytes, which belong to the caller. */
  bytes: (length: number) => Uint8Array
}

export const Random = token<Random>('random')

/**
 * Draws a uniformly distributed integer from 0 to `below` - 1; `below` is at most 2^32. Rejection sampling avoids
 * modulo bias.
 */
export const integerBelow = (random: Random, below: number): number => {
  if (!Number.isInteger(below) || below < 1 || below > 0x1_0000_0000) throw new RangeError(`not a bound: ${below}`)
  const limit = 0x1_0000_0000 - (0x1_0000_0000 % below)
  for (;;) {
    const bytes = random.bytes(4)
    const drawn = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
    if (drawn < limit) return drawn % below
  }
}

/** Makes a random UUID (version 4, RFC 9562 §5.4) in lower case. */
export const uuid = (random: Random): string => {
  const bytes = random.bytes(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
