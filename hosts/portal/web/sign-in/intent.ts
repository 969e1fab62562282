import { isNonce } from '../../identity/token-text.ts'

/** Purpose of a sign-in: what is to be signed in, and where the browser goes afterwards. */
export interface SignInIntent {
  as: 'gui-client' | 'headless-client' | 'browser'
  /** Opaque value of the client, returned to it; empty for a browser. */
  state: string
  /** Client's part of its token, without which the delivered part is worthless; empty for a browser. */
  nonce: string
  /** Path in the account that the browser goes to afterwards. */
  redirectTo?: string
  /** URL of a headless client's listener on the loopback interface. */
  callback?: string
}

export type IntentVerdict = { ok: true; intent: SignInIntent } | { ok: false; problem: string }

type Query = Readonly<Record<string, string | readonly string[] | undefined>>

/** Query parameters that are kept throughout a sign-in; all others are dropped (S1). */
export const SURVIVING = ['as', 'state', 'nonce', 'redirect_to', 'callback'] as const

/** Parses the query that starts a sign-in (wire §1). */
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

/** Returns the kept parameters as a query string with its question mark; empty if there are none. */
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

// Only literal addresses (RFC 8252 §7.3): a resolver's mistake may make `localhost` another machine.
const isLoopback = (text: string): boolean => {
  if (text.length > 512 || !/^http:\/\/(?:127\.0\.0\.1|\[::1\]):[1-9]\d{0,4}\//.test(text)) return false
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.href.length > 512) return false
  return ['127.0.0.1', '[::1]'].includes(url.hostname) && url.username === '' && url.hash === ''
}

/** Returns the path if it is within this account; otherwise nothing, so that no redirect leads to another site. */
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
