import { scrypt, timingSafeEqual } from 'node:crypto'
import { integerBelow, type Random } from 'portreeve'

/** Without those that are taken for one another: 0 O, 1 I L, 2 Z, 5 S, 8 B. */
const ALPHABET = '34679ACDEFGHJKMNPQRTUVWXY'
const LENGTH = 6

/** A fresh code: 25^6, some 244 million, of which three may be tried. */
export const newCode = (random: Random): string =>
  Array.from({ length: LENGTH }, () => ALPHABET[integerBelow(random, ALPHABET.length)]).join('')

/** What a person typed or pasted, as the code that she meant: in capitals, without blanks and hyphens. */
export const readCode = (typed: string): string => typed.slice(0, 100).replaceAll(/[\s-]/g, '').toUpperCase()

/**
 * A slow hash, because few codes are possible; 16 MiB and some 30 ms. `salt` is random, base64url.
 * @returns base64url
 */
export const hashCode = (code: string, salt: string): Promise<string> =>
  new Promise((resolve, reject) => {
    scrypt(code, Buffer.from(salt, 'base64url'), 32, { N: 16_384, r: 8, p: 1 }, (error, key) =>
      error === null ? resolve(key.toString('base64url')) : reject(error),
    )
  })

/** In constant time. */
export const equalHashes = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a, 'base64url'), Buffer.from(b, 'base64url')]
  return left.length === right.length && timingSafeEqual(left, right)
}
