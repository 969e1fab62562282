import * as oidc from 'openid-client'
import {
  STATEMENT_LIMITS,
  type HttpClient,
  type IdentityProvider,
  type Logger,
  type Random,
  type SignInReply,
  type SignInRequest,
  type SignInStep,
  type SignOutRequest,
  type SignOutStep,
} from 'portreeve'
import { authorizationUrl } from './authorization-request.ts'
import { discovered, notedClaims, signedBy } from './noted-claims.ts'
import { identityOf, needsUserinfo } from './claimed-identity.ts'
import { lacksStatements, statementsOf } from './claimed-statements.ts'
import type { Kept, Settings } from './config.ts'
import { ProviderDirectory } from './provider-directory.ts'
import { needsOwnCallback, refusalOf, type Stage } from './refusal.ts'

export interface OidcProviderNeeds {
  random: Random
  http: HttpClient
  logger: Logger
}

/**
 * Identity provider that uses the authorization code flow (OpenID Connect Core 1.0 §3.1) with PKCE S256 (RFC 7636).
 * Checks state, nonce, issuer (RFC 9207), audience, expiry and the ID token's signature.
 */
export class OidcProvider implements IdentityProvider<Settings, Kept> {
  readonly #random: Random
  readonly #logger: Logger
  readonly #directory: ProviderDirectory

  constructor({ random, http, logger }: OidcProviderNeeds) {
    this.#random = random
    this.#logger = logger
    this.#directory = new ProviderDirectory({ http, logger })
  }

  async begin(request: SignInRequest<Settings>): Promise<SignInStep<Kept>> {
    const { settings, callbackUrl, sharedCallbackUrl, chooseAccount = false, now, desk } = request
    try {
      desk.note({ text: 'The discovery document is read.', sent: { issuer: settings.issuer } })
      const provider = await this.#directory.lookUp(settings, now)
      desk.note({ text: 'The discovery document is right.', came: discovered(provider) })
      const atSharedCallback = settings.shared_callback
      if (atSharedCallback && !namesItself(provider)) return { type: 'refused', refusal: needsOwnCallback(callbackUrl) }
      const secrets = { verifier: this.#secret(), state: this.#secret(), nonce: this.#secret() }
      const redirectUri = atSharedCallback ? sharedCallbackUrl : callbackUrl
      const url = await authorizationUrl(provider, { settings, redirectUri, chooseAccount, secrets })
      return { type: 'redirect', url, keep: secrets, atSharedCallback }
    } catch (error) {
      return { type: 'refused', refusal: await refusalOf(error, 'discovery') }
    }
  }

  async proceed({
    settings,
    callbackUrl,
    sharedCallbackUrl,
    keep,
    url,
    now,
    desk,
  }: SignInReply<Settings, Kept>): Promise<SignInStep<Kept>> {
    const { verifier, state, nonce } = keep
    let stage: Stage = 'discovery'
    try {
      const provider = await this.#directory.lookUp(settings, now)
      // Behind a proxy the portal may see another host than the redirect URI has, so only the query is taken from
      // `url`.
      const returned = new URL(settings.shared_callback ? sharedCallbackUrl : callbackUrl)
      returned.search = new URL(url).search
      stage = 'token'
      // An error in the answer is seen before the token endpoint is asked.
      if (!returned.searchParams.has('error'))
        desk.note({
          text: 'The token endpoint is asked for the tokens, with PKCE, and the ID token is checked.',
          sent: { endpoint: provider.serverMetadata().token_endpoint ?? '', client_id: settings.client_id },
        })
      const tokens = await oidc.authorizationCodeGrant(provider, returned, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
        ...maxAgeOf(settings),
      })
      const claims = tokens.claims()
      if (claims === undefined) throw new Error('the provider sent no ID token')
      desk.note({
        text: 'Signature, issuer, audience, nonce and times of the ID token are right.',
        came: signedBy(tokens.id_token),
        claims: notedClaims(claims, settings),
      })
      stage = 'userinfo'
      const { userinfo_endpoint: endpoint } = provider.serverMetadata()
      const isAsked = needsUserinfo(claims, settings) || lacksStatements(claims, settings)
      if (isAsked && endpoint !== undefined)
        desk.note({ text: 'The userinfo endpoint is asked, as the ID token lacks claims.', sent: { endpoint } })
      const told: Readonly<Record<string, unknown>> =
        isAsked && endpoint !== undefined ? await oidc.fetchUserInfo(provider, tokens.access_token, claims.sub) : {}
      const added = Object.fromEntries(Object.entries(told).filter(([name]) => claims[name] === undefined))
      if (Object.keys(told).length > 0)
        desk.note({ text: 'The userinfo endpoint answered.', claims: notedClaims(added, settings) })
      const { leftOut, ...statements } = statementsOf(claims, told, settings)
      if (leftOut.length > 0) {
        this.#logger.warn(
          { provider: settings.issuer, claims: leftOut },
          'claims of a sign-in are too long, or no groups, and were left out',
        )
      }
      const identity = { ...identityOf(claims, told, settings), ...statements, ...hintFor(provider, tokens.id_token) }
      return { type: 'identified', identity }
    } catch (error) {
      // The cached keys may be outdated after a key rotation, so the next attempt looks them up again.
      this.#directory.forget(settings)
      return { type: 'refused', refusal: await refusalOf(error, stage) }
    }
  }

  /** Returns the provider's end of session, with the ID token as a hint. OpenID Connect RP-Initiated Logout 1.0 §2 */
  async signOut({ settings, returnUrl, hint, now }: SignOutRequest<Settings>): Promise<SignOutStep> {
    const provider = await this.#directory.lookUp(settings, now)
    if (provider.serverMetadata().end_session_endpoint === undefined) return { type: 'done' }
    const url = oidc.buildEndSessionUrl(provider, {
      post_logout_redirect_uri: returnUrl,
      ...(hint === undefined ? {} : { id_token_hint: hint }),
    })
    return { type: 'redirect', url: url.href }
  }

  #secret(): string {
    return Buffer.from(this.#random.bytes(32)).toString('base64url')
  }
}

/** Returns the ID token for the sign-out, unless it is too long: without it the provider asks the person. */
const hintFor = (provider: oidc.Configuration, idToken: string | undefined): { signOutHint?: string } =>
  provider.serverMetadata().end_session_endpoint === undefined ||
  idToken === undefined ||
  idToken.length > STATEMENT_LIMITS.hintCharacters
    ? {}
    : { signOutHint: idToken }

/** Returns the age of the authentication that the settings ask for, to be checked in the ID token. §3.1.3.7 */
const maxAgeOf = ({ parameters }: Settings): { maxAge?: number } => {
  const { max_age: maxAge = '' } = parameters
  return /^\d{1,9}$/.test(maxAge) ? { maxAge: Number(maxAge) } : {}
}

/**
 * Whether the provider's answers name their issuer in `iss`, which the library then requires and checks. RFC 9207 §2.4
 */
const namesItself = (provider: oidc.Configuration): boolean =>
  provider.serverMetadata().authorization_response_iss_parameter_supported === true
