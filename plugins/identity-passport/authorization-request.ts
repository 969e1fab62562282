import { createHash } from 'node:crypto'
import type { Kept, StrategyConfig } from './config.ts'
import type { RefusalCode } from './refusal.ts'

/** Authorization request with what the strategy's own lacked, or the reason why it is not sent. */
export type SafeRequest = { ok: true; url: string; keep: Kept } | { ok: false; code: RefusalCode; detail: string }

/**
 * Adds to a strategy's OAuth 2.0 authorization request what it lacks: `state` (RFC 6749 §10.12), PKCE (RFC 7636), and for OpenID Connect
 * `nonce`. Any other redirect is left as it is.
 * @param how `newSecret` makes random texts; `canProve` is whether the verifier of PKCE can be sent with the code
 */
export const withWhatItLacks = (
  redirect: string,
  {
    config,
    newSecret,
    canProve,
    chooseAccount,
  }: {
    config: StrategyConfig
    newSecret: () => string
    canProve: boolean
    chooseAccount: boolean
  },
): SafeRequest => {
  const url = new URL(redirect)
  const query = url.searchParams
  const types = wordsOf(query.get('response_type'))
  if (types.length === 0) return { ok: true, url: redirect, keep: {} }
  if (types.some((type) => type !== 'code')) {
    const detail =
      'the strategy asks for tokens in the address of the browser (response_type): only the code flow is safe'
    return { ok: false, code: 'id_token_unverified', detail }
  }
  const keep: Kept = { state: ensured(query, 'state', newSecret) }
  const isOpenid = wordsOf(query.get('scope')).includes('openid')
  if (isOpenid && config.id_token === undefined) {
    const detail =
      'the scope openid brings an ID token that nobody verifies: say in id_token how it is verified, or who else does'
    return { ok: false, code: 'id_token_unverified', detail }
  }
  // A strategy that verifies the token itself refuses a nonce that is not its own.
  if (isOpenid && typeof config.id_token === 'object') keep.nonce = ensured(query, 'nonce', newSecret)
  if (config.pkce && canProve && !query.has('code_challenge')) {
    keep.verifier = newSecret()
    query.set('code_challenge', createHash('sha256').update(keep.verifier).digest('base64url'))
    query.set('code_challenge_method', 'S256')
  }
  // Every OpenID provider knows `login`; which other values one knows is not known here.
  if (isOpenid && chooseAccount && !query.has('prompt')) query.set('prompt', 'login')
  return { ok: true, url: url.href, keep }
}

/** Returns a parameter that is set to a random text if it is missing. */
const ensured = (query: URLSearchParams, name: string, newSecret: () => string): string => {
  const there = query.get(name) ?? ''
  if (there !== '') return there
  const made = newSecret()
  query.set(name, made)
  return made
}

const wordsOf = (text: string | null): string[] => (text ?? '').split(' ').filter((word) => word !== '')
