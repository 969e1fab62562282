import { isNonce } from '../../identity/token-text.ts'

/** What a browser came for. */
export interface SignInIntent {
  as: 'gui-client' | 'headless-client' | 'browser'
  /** The client's own, handed back to it; empty for a browser. */
  state: string
  /** What the client's token is worthless without; empty for a browser. */
  nonce: string
  /** Where in the account an admin wants to go. */
  redirectTo?: string
  /** A headless client's listener on the loopback interface. */
  callback?: string
}

export type IntentVerdict = { ok: true; intent: SignInIntent } | { ok: false; problem: string }

type Query = Readonly<Record<string, string | readonly string[] | undefined>>

/** The parameters that survive a sign-in; no other does (S1). */
const SURVIVING = ['as', 'state', 'nonce', 'redirect_to', 'callback'] as const

/** Reads the start of a sign-in: wire §1. */
export const parseIntent = (accountSlug: string, query: Query): IntentVerdict => {
  const values = SURVIVING.map((name) => query[name])
  if (values.some((value) => Array.isArray(value))) return { ok: false, problem: 'A parameter is there twice.' }
  const [as = '', state = '', nonce = '', redirectTo, callback] = values as (string | undefined)[]

  if (as === '')
    return { ok: true, intent: { as: 'browser', state: '', nonce: '', ...insideAccount(accountSlug, redirectTo) } }
  if (as !== 'gui-client' && as !== 'headless-client') return { ok: false, problem: 'This client is not known.' }
  if (!isNonce(nonce) || !/^[\w.~-]{0,256}$/.test(state)) {
    return { ok: false, problem: 'The client sent a malformed state or nonce.' }
  }
  if (as === 'gui-client') {
    if (nonce === '' || state === '') return { ok: false, problem: 'The client sent no state or no nonce.' }
    return { ok: true, intent: { as, state, nonce } }
  }
  if (callback === undefined) return { ok: true, intent: { as, state, nonce } }
  if (!isLoopback(callback)) return { ok: false, problem: 'The callback is not on the loopback interface.' }
  if (nonce === '' || state === '') return { ok: false, problem: 'The client sent no state or no nonce.' }
  return { ok: true, intent: { as, state, nonce, callback } }
}

/** The surviving parameters as a query string, with its question mark where there are any. */
export const intentQuery = ({ as, state, nonce, redirectTo, callback }: SignInIntent): string => {
  const values = {
    as: as === 'browser' ? '' : as,
    state,
    nonce,
    redirect_to: redirectTo ?? '',
    callback: callback ?? '',
  }
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== '')).toString()
  return query === '' ? '' : `?${query}`
}

// RFC 8252 §7.3: the literal address. `localhost` may be somebody else's by a resolver's mistake.
const isLoopback = (text: string): boolean => {
  if (text.length > 512 || !/^http:\/\/(?:127\.0\.0\.1|\[::1\]):[1-9]\d{0,4}\//.test(text)) return false
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.href.length > 512) return false
  return ['127.0.0.1', '[::1]'].includes(url.hostname) && url.username === '' && url.hash === ''
}

/** A path of this account, or nothing: never another site. */
const insideAccount = (accountSlug: string, path: string | undefined): { redirectTo?: string } => {
  const below = `/${accountSlug}`
  const isInside =
    path !== undefined &&
    path.length <= 512 &&
    (path === below || path.startsWith(`${below}/`)) &&
    /^[\w/.~?&=%-]*$/.test(path) &&
    !/(?:^|\/)\.{1,2}(?:\/|$)|%2e|%2f|%5c/i.test(path)
  return isInside ? { redirectTo: path } : {}
}
