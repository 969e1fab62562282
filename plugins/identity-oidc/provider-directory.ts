import * as oidc from 'openid-client'
import { MINUTE, type UnixTime } from 'portreeve'
import type { Settings } from './config.ts'
import { fetchBy, isCertificate, noAnswer, type Asking } from './provider-fetch.ts'

/** Time for which a provider's discovery document and keys are cached. */
const FRESH_MS = 10 * MINUTE
/** Maximum of cached providers, of which each account has a few; beyond it the cache is emptied. */
const MAX_PROVIDERS = 500
const TIMEOUT_SECONDS = 5

interface Entry {
  provider: Promise<oidc.Configuration>
  until: number
}

/** Cache of providers' discovery documents and keys: discovered at first use and refreshed after `FRESH_MS`. */
export class ProviderDirectory {
  readonly #entries = new Map<string, Entry>()
  readonly #asking: Asking

  constructor(asking: Asking) {
    this.#asking = asking
  }

  /**
   * Returns a provider's configuration. Rejects if it cannot be reached or its document is invalid; a failure is not
   * cached.
   */
  async lookUp(settings: Settings, now: UnixTime): Promise<oidc.Configuration> {
    const key = JSON.stringify(settings)
    const known = this.#entries.get(key)
    if (known !== undefined && now < known.until) return known.provider
    const entry = { provider: discover(settings, this.#asking), until: now + FRESH_MS }
    if (this.#entries.size >= MAX_PROVIDERS) this.#entries.clear()
    this.#entries.set(key, entry)
    try {
      return await entry.provider
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
      // Other errors are not passed on: they would reveal what listens at the issuer's address.
      if (isOtherIssuer(error) || isCertificate(error)) throw error
      throw noAnswer(error, { logger: this.#asking.logger, url: settings.issuer })
    }
  }

  /** Removes a provider from the cache, so that it is discovered anew. */
  forget(settings: Settings): void {
    this.#entries.delete(JSON.stringify(settings))
  }
}

/**
 * Returns the client's authentication at the token endpoint: as in the settings, else as in the discovery document,
 * whose default is HTTP Basic (OpenID Connect Discovery 1.0 §3).
 */
const clientAuthentication = ({
  client_secret: secret,
  token_endpoint_auth_method: method,
}: Settings): oidc.ClientAuth => {
  if (secret === undefined) return oidc.None()
  const [basic, post] = [oidc.ClientSecretBasic(secret), oidc.ClientSecretPost(secret)]
  return (server, client, body, headers) => {
    const supported = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
    const isPost = method === undefined ? !supported.includes('client_secret_basic') : method === 'client_secret_post'
    return (isPost ? post : basic)(server, client, body, headers)
  }
}

const discover = async (settings: Settings, asking: Asking): Promise<oidc.Configuration> => {
  const { issuer, client_id: clientId, client_secret: secret, allow_http: allowHttp } = settings
  // `enableNonRepudiationChecks`: without it the library trusts TLS and accepts a forged signature.
  const provider = await oidc.discovery(new URL(issuer), clientId, secret, clientAuthentication(settings), {
    execute: [oidc.enableNonRepudiationChecks, ...(allowHttp ? [oidc.allowInsecureRequests] : [])],
    timeout: TIMEOUT_SECONDS,
    [oidc.customFetch]: fetchBy(asking),
  })
  provider.timeout = TIMEOUT_SECONDS
  return provider
}

/** Whether discovery failed because the document is of another issuer. */
const isOtherIssuer = (error: unknown): boolean => {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ('code' in at && at.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED') return true
  }
  return false
}
