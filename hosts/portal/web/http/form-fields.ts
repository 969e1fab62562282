import type { Context } from 'koa'
import { bodyText, malformed } from './body-text.ts'
import { Problem } from './problem.ts'

const FORM = 'application/x-www-form-urlencoded'
const MAX_BODY_BYTES = 8 * 1024
/** Fields of one form: more than that many ids fill the longest form. */
const MAX_FIELDS = 4_000

type Pairs = readonly (readonly [string, string])[]

const forms = new WeakMap<object, Pairs>()

/**
 * Makes a middleware that reads a submitted form of at most `limit` bytes and 4,000 fields; ignores bodies of other
 * types.
 */
export const readFormUpTo =
  (limit: number) =>
  async (ctx: Context, next: () => Promise<unknown>): Promise<unknown> => {
    if (typeof ctx.request.is(FORM) === 'string') forms.set(ctx.req, pairsOf(await bodyText(ctx, limit)))
    return next()
  }

/** Middleware that reads a submitted form; ignores bodies of other types. */
export const readForm: ReturnType<typeof readFormUpTo> = readFormUpTo(MAX_BODY_BYTES)

/** Returns the text fields of the submitted form, without those that occur more than once. */
export const formFields = (ctx: Context): Record<string, string> => {
  const pairs = forms.get(ctx.req) ?? []
  const counts = new Map<string, number>()
  for (const [name] of pairs) counts.set(name, (counts.get(name) ?? 0) + 1)
  return Object.fromEntries(pairs.filter(([name]) => counts.get(name) === 1))
}

/** Returns the values of each field of the submitted form, in the order in which they were sent. */
export const formValues = (ctx: Context): ReadonlyMap<string, readonly string[]> => {
  const values = new Map<string, string[]>()
  for (const [name, value] of forms.get(ctx.req) ?? []) {
    const others = values.get(name)
    if (others === undefined) values.set(name, [value])
    else others.push(value)
  }
  return values
}

const pairsOf = (text: string): Pairs => {
  const pairs = text.split('&').filter((pair) => pair !== '')
  // A form with several values a row is rendered anew, field by field: that time must not be the sender's to choose.
  if (pairs.length > MAX_FIELDS)
    throw new Problem(413, 'too_many_fields', `The form has too many fields: ${MAX_FIELDS} at most.`)
  return pairs.map(pairOf)
}

const pairOf = (pair: string): [string, string] => {
  const [name = '', ...value] = pair.split('=')
  return [decoded(name), decoded(value.join('='))]
}

/** Decodes a form value like URLSearchParams, but refuses bytes that are not UTF-8 instead of replacing them. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (error) {
    // A % that does not begin an escape stands for itself.
    if (/%(?![0-9a-f]{2})/i.test(text)) return decoded(text.replaceAll(/%(?![0-9a-f]{2})/gi, '%25'))
    throw malformed('The form is not UTF-8.', error)
  }
}
