import { sha256 } from '../../../core/crypto/hash.ts'
import { toHex } from '../../../core/crypto/text-encoding.ts'
import { integerBelow, type Random } from '../../../core/runtime/random.ts'
import { MINUTE } from '../../../core/runtime/time.ts'

/** Validity of a code: long enough to walk to a browser, and no longer. */
export const EMERGENCY_CODE_LIFE_MS = 10 * MINUTE

/** Alphabet of codes, without characters that look alike. */
const ALPHABET = '34679ACDEFGHJKMNPQRTUVWXY'
const GROUPS = 4
const GROUP_LENGTH = 5

/** Generates a code, one of 25^20 possible ones: `XXXXX-XXXXX-XXXXX-XXXXX`. */
export const newEmergencyCode = (random: Random): string =>
  Array.from({ length: GROUPS }, () =>
    Array.from({ length: GROUP_LENGTH }, () => ALPHABET[integerBelow(random, ALPHABET.length)]).join(''),
  ).join('-')

/**
 * Returns the hash under which a code is stored and compared; capitals, blanks and hyphens do not matter. Needs no
 * salt, because there are too many codes to guess.
 */
export const emergencyCodeHash = (code: string): string =>
  toHex(sha256(code.slice(0, 200).replaceAll(/[\s-]/g, '').toUpperCase()))
