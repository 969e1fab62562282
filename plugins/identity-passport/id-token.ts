import { createRemoteJWKSet, customFetch, errors, jwtVerify, type FetchImplementation, type JWTPayload } from 'jose'
import type { HttpClient, UnixTime } from 'portreeve'
import { equalSecrets } from 'portreeve/crypto'
import type { IdTokenConfig } from './config.ts'
import { askService } from './service-http.ts'

/** Difference between the clocks of issuer and portal that is allowed, in seconds. */
const CLOCK_TOLERANCE_SECONDS = 30

/** Claims of a verified ID token. */
export type IdTokenClaims = JWTPayload & { iss: string; sub: string }

/** Error of an ID token that is not what it has to be. The message has no part of the token. */
export class IdTokenError extends Error {
  override readonly name = 'IdTokenError'
  /** Whether the issuer's keys, as far as known, do not have the token's: right after it has changed them. */
  readonly isKeyUnknown: boolean

  constructor(message: string, { isKeyUnknown = false, ...options }: ErrorOptions & { isKeyUnknown?: boolean } = {}) {
    super(message, options)
    this.isKeyUnknown = isKeyUnknown
  }
}

/**
 * Verifies ID tokens of one issuer: signature by the issuer's keys, issuer, audience, times and nonce (OpenID Connect Core 1.0 §3.1.3.7).
 * Keys are kept for ten minutes, and fetched again for a key that is not among them.
 */
export class IdTokenVerifier {
  readonly #config: IdTokenConfig
  readonly #clientId: string
  readonly #keys: ReturnType<typeof createRemoteJWKSet>

  constructor(config: IdTokenConfig, { clientId, http }: { clientId: string; http: HttpClient }) {
    this.#config = config
    this.#clientId = config.audience ?? clientId
    // Tokens come from the issuer's own token endpoint: nobody else makes the portal fetch keys, which so need no pause.
    this.#keys = createRemoteJWKSet(new URL(config.jwks_uri), { [customFetch]: fetchBy(http), cooldownDuration: 0 })
  }

  /** Returns the claims of a token. @throws IdTokenError, or the error of a request for the keys */
  async verify(token: string, { nonce, now }: { nonce: string; now: UnixTime }): Promise<IdTokenClaims> {
    const claims = await this.#claimsOf(token, now)
    if (typeof claims['nonce'] !== 'string' || !equalSecrets(claims['nonce'], nonce))
      throw new IdTokenError('the nonce is not the one that was sent')
    const { azp } = claims
    const isForOthersToo = Array.isArray(claims.aud) && claims.aud.length > 1
    if (azp === undefined ? isForOthersToo : azp !== this.#clientId)
      throw new IdTokenError('the authorized party is another client')
    return claims
  }

  async #claimsOf(token: string, now: UnixTime): Promise<IdTokenClaims> {
    try {
      const { payload } = await jwtVerify<IdTokenClaims>(token, this.#keys, {
        issuer: this.#config.issuer,
        audience: this.#clientId,
        algorithms: this.#config.algorithms,
        requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(now),
      })
      if (typeof payload.sub !== 'string' || payload.sub === '') throw new IdTokenError('it names nobody')
      return payload
    } catch (error) {
      // A generic error is one of the request for the keys.
      if (error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC')
        throw new IdTokenError(`${error.message} (${error.code})`, {
          cause: error,
          isKeyUnknown: error instanceof errors.JWKSNoMatchingKey,
        })
      throw error
    }
  }
}

const fetchBy =
  (http: HttpClient): FetchImplementation =>
  async (url, { method, signal }) => {
    const { status, text } = await askService(http, { method, url, headers: { accept: 'application/json' }, signal })
    return new Response(text, { status })
  }
