import { z } from 'zod'

// Only ASCII addresses: Unicode would lower-case U+212A (KELVIN SIGN) to `k`, so that somebody who may choose the name
// `mar\u212A@example.org` at a provider would be taken for mark@example.org.

/** Schema of an e-mail address as typed, ASCII only; the result is in lower case, as stored. */
export const EmailAddress = z
  .email()
  .max(254)
  // RFC 5321 §4.5.3.1.1
  .refine((text) => text.indexOf('@') <= 64, 'has more than 64 characters before the @')
  .overwrite((text) => lowerCase(text))

/**
 * Returns an e-mail address in lower case, as actors have it; undefined if it is not ASCII, so that no actor can have
 * it.
 */
export const foldedEmail = (text: string): string | undefined =>
  /^[\x21-\x7e]+$/.test(text) ? lowerCase(text) : undefined

const lowerCase = (ascii: string): string => ascii.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
