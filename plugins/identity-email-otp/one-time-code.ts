import { scrypt, timingSafeEqual } from 'node:crypto'
import { integerBelow, type Random } from 'portreeve'

/** Characters of a code, without those that look alike: 0 O, 1 I L, 2 Z, 5 S, 8 B. */
const ALPHABET = '34679ACDEFGHJKMNPQRTUVWXY'
const LENGTH = 6

/** Returns a random code, one of 25^6 (244 million), of which three may be tried. */
export const newCode = (random: Random): string =>
  Array.from({ length: LENGTH }, () => ALPHABET[integerBelow(random, ALPHABET.length)]).join('')

/** Normalizes a typed or pasted code: upper case, without spaces and hyphens. */
export const readCode = (typed: string): string => typed.slice(0, 100).replaceAll(/[\s-]/g, '').toUpperCase()

/**
 * Hashes a code with scrypt, which is slow (16 MiB, about 30 ms) because few codes are possible. `salt` and the result
 * are base64url.
 */
export const hashCode = (code: string, salt: string): Promise<string> =>
  new Promise((resolve, reject) => {
    scrypt(code, Buffer.from(salt, 'base64url'), 32, { N: 16_384, r: 8, p: 1 }, (error, key) =>
      error === null ? resolve(key.toString('base64url')) : reject(error),
    )
  })

/** Compares two hashes (base64url) in constant time. */
export const equalHashes = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a, 'base64url'), Buffer.from(b, 'base64url')]
  return left.length === right.length && timingSafeEqual(left, right)
}
