import * as oidc from 'openid-client'
import {
  type HttpClient,
  type IdentityProvider,
  type Logger,
  type Random,
  type SignInReply,
  type SignInRequest,
  type SignInStep,
} from 'portreeve'
import { authorizationUrl } from './authorization-request.ts'
import { identityOf, needsUserinfo } from './claimed-identity.ts'
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
  readonly #directory: ProviderDirectory

  constructor({ random, http, logger }: OidcProviderNeeds) {
    this.#random = random
    this.#directory = new ProviderDirectory({ http, logger })
  }

  async begin(request: SignInRequest<Settings>): Promise<SignInStep<Kept>> {
    const { settings, callbackUrl, sharedCallbackUrl, chooseAccount = false, now } = request
    try {
      const provider = await this.#directory.lookUp(settings, now)
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
      const tokens = await oidc.authorizationCodeGrant(provider, returned, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      })
      const claims = tokens.claims()
      if (claims === undefined) throw new Error('the provider sent no ID token')
      stage = 'userinfo'
      const told =
        needsUserinfo(claims, settings) && provider.serverMetadata().userinfo_endpoint !== undefined
          ? await oidc.fetchUserInfo(provider, tokens.access_token, claims.sub)
          : {}
      return { type: 'identified', identity: identityOf(claims, told, settings) }
    } catch (error) {
      // The cached keys may be outdated after a key rotation, so the next attempt looks them up again.
      this.#directory.forget(settings)
      return { type: 'refused', refusal: await refusalOf(error, stage) }
    }
  }

  #secret(): string {
    return Buffer.from(this.#random.bytes(32)).toString('base64url')
  }
}

/**
 * Whether the provider's answers name their issuer in `iss`, which the library then requires and checks. RFC 9207 §2.4
 */
const namesItself = (provider: oidc.Configuration): boolean =>
  provider.serverMetadata().authorization_response_iss_parameter_supported === true
