import type { Context } from 'koa'
import { bodyText, malformed } from './body-text.ts'

const FORM = 'application/x-www-form-urlencoded'
const MAX_BODY_BYTES = 8 * 1024

const forms = new WeakMap<object, Record<string, string>>()

/** Middleware that reads a submitted form; ignores bodies of other types. */
export const readForm = async (ctx: Context, next: () => Promise<unknown>): Promise<unknown> => {
  if (typeof ctx.request.is(FORM) === 'string') forms.set(ctx.req, fieldsOf(await bodyText(ctx, MAX_BODY_BYTES)))
  return next()
}

/** Returns the text fields of the submitted form, without those that occur more than once. */
export const formFields = (ctx: Context): Record<string, string> => forms.get(ctx.req) ?? {}

const fieldsOf = (text: string): Record<string, string> => {
  const pairs = text
    .split('&')
    .filter((pair) => pair !== '')
    .map(pairOf)
  const twice = new Set(pairs.map(([name]) => name).filter((name, index, names) => names.indexOf(name) !== index))
  return Object.fromEntries(pairs.filter(([name]) => !twice.has(name)))
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
