import * as oidc from 'openid-client'
import {
  injected,
  Random,
  type Identity,
  type IdentityProvider,
  type SignInReply,
  type SignInRequest,
  type SignInStep,
} from 'portreeve'
import type { Settings } from './config.ts'
import { ProviderDirectory } from './provider-directory.ts'
import { needsOwnCallback, refusalOf } from './refusal.ts'

/**
 * OpenID Connect Core 1.0 §3.1, the authorization code flow, with PKCE S256 (RFC 7636). State, nonce, issuer (RFC 9207), audience,
 * expiry and the ID token's signature are checked on the way back.
 */
export class OidcProvider implements IdentityProvider<Settings> {
  readonly #random: Random
  readonly #directory = new ProviderDirectory()

  constructor(@injected(Random) random: Random) {
    this.#random = random
  }

  async begin({ settings, callbackUrl, sharedCallbackUrl, now }: SignInRequest<Settings>): Promise<SignInStep> {
    try {
      const provider = await this.#directory.lookUp(settings, now)
      const atSharedCallback = settings.shared_callback
      if (atSharedCallback && !namesItself(provider)) return { type: 'refused', refusal: needsOwnCallback(callbackUrl) }
      const keep = { verifier: this.#secret(), state: this.#secret(), nonce: this.#secret() }
      const url = oidc.buildAuthorizationUrl(provider, {
        redirect_uri: atSharedCallback ? sharedCallbackUrl : callbackUrl,
        scope: ['openid', ...settings.scopes].join(' '),
        state: keep.state,
        nonce: keep.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(keep.verifier),
        code_challenge_method: 'S256',
      })
      return { type: 'redirect', url: url.href, keep, atSharedCallback }
    } catch (error) {
      return { type: 'refused', refusal: refusalOf(error) }
    }
  }

  async proceed({
    settings,
    callbackUrl,
    sharedCallbackUrl,
    keep,
    url,
    now,
  }: SignInReply<Settings>): Promise<SignInStep> {
    const { verifier, state, nonce } = keep
    if (typeof verifier !== 'string' || typeof state !== 'string' || typeof nonce !== 'string') {
      return { type: 'refused', refusal: refusalOf(new Error('nothing was kept of the beginning')) }
    }
    try {
      const provider = await this.#directory.lookUp(settings, now)
      // Behind a proxy the portal may see another host than the provider was told: only the query is the provider's.
      const returned = new URL(settings.shared_callback ? sharedCallbackUrl : callbackUrl)
      returned.search = new URL(url).search
      const tokens = await oidc.authorizationCodeGrant(provider, returned, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      })
      const claims = tokens.claims()
      if (claims === undefined) throw new Error('the provider sent no ID token')
      const told = await this.#userInfo(provider, tokens.access_token, claims)
      return { type: 'identified', identity: identityOf(claims, told) }
    } catch (error) {
      // Right after the provider rotated its keys ours are stale: look it up anew before the next attempt.
      this.#directory.forget(settings)
      return { type: 'refused', refusal: refusalOf(error) }
    }
  }

  /** Many providers put name and address only here; the ID token's own claims go before. */
  async #userInfo(
    provider: oidc.Configuration,
    accessToken: string,
    claims: oidc.IDToken,
  ): Promise<Partial<oidc.UserInfoResponse>> {
    if (claims['email'] !== undefined || provider.serverMetadata().userinfo_endpoint === undefined) return {}
    return oidc.fetchUserInfo(provider, accessToken, claims.sub)
  }

  #secret(): string {
    return Buffer.from(this.#random.bytes(32)).toString('base64url')
  }
}

/** Whether the provider's answers name it, `iss`, which the library then demands and checks (RFC 9207 §2.4). */
const namesItself = (provider: oidc.Configuration): boolean =>
  provider.serverMetadata().authorization_response_iss_parameter_supported === true

const identityOf = (claims: oidc.IDToken, told: Partial<oidc.UserInfoResponse>): Identity => {
  const email = text(claims['email']) ?? text(told.email)
  const name = text(claims['name']) ?? text(told.name) ?? text(told.preferred_username)
  // Only the claim that came with the address vouches for it, and only `true` does.
  const emailVerified = (claims['email'] === undefined ? told.email_verified : claims['email_verified']) === true
  return {
    issuer: claims.iss,
    subject: claims.sub,
    emailVerified: email !== undefined && emailVerified,
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
  }
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= 320 ? value : undefined
