import type { TokenKind } from '../store/entities.ts'
import type { TokenVerdict } from './tokens.ts'

type Refused = TokenVerdict & { ok: false }

/**
 * Reason why a genuine token is refused. For a text that this portal never issued, callers say only that it is not a
 * token.
 */
export interface TokenRefusalWords {
  /** Stable code: `token_expired`, `token_revoked`, `token_wrong_kind`, `provider_disabled`, `account_disabled`, `actor_disabled`. */
  reason: string
  /** One sentence without a full stop, for the token's holder: the problem, and what to do. */
  detail: string
}

/**
 * Returns the words for a refused token where a token of the `wanted` kind was expected; undefined if the text is not a
 * token of this portal.
 */
export const tokenRefusalWords = ({ reason, kind }: Refused, wanted: TokenKind): TokenRefusalWords | undefined => {
  switch (reason) {
    case 'malformed':
    case 'forged':
    case 'wrong_secret':
      return undefined
    case 'unknown':
      return {
        reason: 'token_revoked',
        detail: `The token was revoked, or removed together with its owner: ${ANEW[wanted]}`,
      }
    case 'expired':
      return { reason: 'token_expired', detail: `The token has expired: ${ANEW[wanted]}` }
    case 'wrong_kind':
      return {
        reason: 'token_wrong_kind',
        detail: `${NAMES[wanted]} is needed here, but this is ${kind === undefined ? 'another' : lower(NAMES[kind])}`,
      }
    case 'provider_disabled':
      return { reason, detail: 'The identity provider that the token was obtained by is disabled or removed' }
    case 'account_disabled':
      return { reason, detail: 'The account is disabled' }
    case 'actor_disabled':
      return { reason, detail: 'The person or service account that the token is for is disabled' }
  }
}

const NAMES: Record<TokenKind, string> = {
  client: 'A client token',
  gateway: 'A gateway token',
  relay: 'A relay token',
  api: 'An API token',
}

const ANEW: Record<TokenKind, string> = {
  client: 'sign in again, or have an admin make another client token',
  gateway: 'have an admin make another gateway token for the site',
  relay: 'have an admin make another relay token',
  api: 'have an admin make another API token',
}

const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)
