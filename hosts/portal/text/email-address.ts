import { z } from 'zod'

// zod's address is ASCII, and that is what folding its letters rests on: Unicode's own lower case makes U+212A (KELVIN SIGN) a `k`, so
// that whoever may call herself `mar\u212A@example.org` at a provider would be taken for mark@example.org.

/** An e-mail address as it is typed, ASCII only, which is stored in lower case. */
export const EmailAddress = z
  .email()
  .max(254)
  // RFC 5321 §4.5.3.1.1
  .refine((text) => text.indexOf('@') <= 64, 'has more than 64 characters before the @')
  .transform((text) => lowerCase(text))

/** An address in lower case, as actors have it; undefined where it has another letter than those of ASCII, which no actor's has. */
export const foldedEmail = (text: string): string | undefined =>
  /^[\x21-\x7e]+$/.test(text) ? lowerCase(text) : undefined

const lowerCase = (ascii: string): string => ascii.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
