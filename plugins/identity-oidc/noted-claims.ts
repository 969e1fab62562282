import type * as oidc from 'openid-client'
import type { JsonValue, NotedClaim } from 'portreeve'
import type { Settings } from './config.ts'

/** Claims of an ID token about the token itself, not the person. OpenID Connect Core 1.0 §2 and §3.3.2.11, RFC 7519 §4.1 */
const ABOUT_TOKEN = new Set(['aud', 'azp', 'exp', 'iat', 'nbf', 'jti', 'nonce', 'at_hash', 'c_hash', 's_hash', 'sid'])

/** Returns claims with the members of the identity that they become by the settings. */
export const notedClaims = (claims: Readonly<Record<string, unknown>>, settings: Settings): NotedClaim[] =>
  Object.entries(claims)
    .filter(([name, value]) => !ABOUT_TOKEN.has(name) && value !== undefined)
    .map(([name, value]) => {
      const becomes = memberOf(name, settings)
      return { name, value: value as JsonValue, ...(becomes === undefined ? {} : { becomes }) }
    })

const memberOf = (name: string, settings: Settings): NotedClaim['becomes'] => {
  switch (name) {
    case settings.email_claim:
      return 'email'
    case settings.verified_claim:
      return 'emailVerified'
    case settings.groups_claim:
      return 'groups'
    case 'iss':
      return 'issuer'
    case 'sub':
      return 'subject'
    case 'name':
      return 'name'
    case 'auth_time':
    case 'amr':
      return 'authentication'
    default:
      return settings.claims.includes(name) ? 'claims' : undefined
  }
}

/** Returns what a discovery document says that a sign-in needs. */
export const discovered = (provider: oidc.Configuration): Record<string, JsonValue> => {
  const { issuer, authorization_endpoint: authorization, token_endpoint: token } = provider.serverMetadata()
  const {
    userinfo_endpoint: userinfo = 'none',
    scopes_supported: scopes,
    claims_supported: claims,
  } = provider.serverMetadata()
  return {
    issuer,
    authorization_endpoint: authorization ?? 'none',
    token_endpoint: token ?? 'none',
    userinfo_endpoint: userinfo,
    ...(scopes === undefined ? {} : { scopes_supported: scopes.join(' ') }),
    ...(claims === undefined ? {} : { claims_supported: claims.join(' ') }),
  }
}

/** Returns the algorithm and the name of the key by which an ID token is signed. RFC 7515 §4.1 */
export const signedBy = (idToken: string | undefined): Record<string, JsonValue> => {
  const [header = ''] = (idToken ?? '').split('.')
  const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url').toString() || '{}') as Record<string, JsonValue>
  return { ...(alg === undefined ? {} : { alg }), ...(kid === undefined ? {} : { kid }) }
}
