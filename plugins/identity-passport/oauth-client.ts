import type { HttpClient } from 'portreeve'
import { askService, type ServiceAnswer } from './service-http.ts'

/**
 * OAuth 2.0 client of the package `oauth`, which the strategies for OAuth and OpenID Connect keep in the member `_oauth2`, with all its
 * requests through one method.
 */
export interface OAuthClient {
  readonly _clientId: string
  readonly _clientSecret?: string
  readonly _customHeaders?: Readonly<Record<string, string>>
  readonly _authMethod?: string
  readonly _getAccessTokenUrl: () => string
  readonly _request: SendRequest
}

type SendRequest = (
  method: string,
  url: string,
  headers: Readonly<Record<string, string>> | null | undefined,
  body: string | null | undefined,
  accessToken: string | null | undefined,
  done: (error: unknown, text?: string, response?: object) => void,
) => void

/** Answers of the service that were overheard while a strategy asked it. */
export interface Overheard {
  accessToken?: string
  idToken?: string
  /** Last JSON object that the service told with the access token: about the person. */
  userinfo?: Readonly<Record<string, unknown>>
}

export interface AroundParts {
  http: HttpClient
  signal: AbortSignal
  /** PKCE verifier to be sent with the code; absent if the strategy has one of its own. RFC 7636 §4.5 */
  verifier: string | undefined
  authMethod: 'client_secret_post' | 'client_secret_basic'
  /** Called with what the strategy throws while it reads an answer. */
  failed: (error: unknown) => void
}

/** Finds the OAuth client of a strategy; undefined for other kinds of strategies. */
export const oauthClientOf = (strategy: object): OAuthClient | undefined => {
  const client = (strategy as { _oauth2?: Partial<OAuthClient> | null })._oauth2
  const isClient = typeof client?._request === 'function' && typeof client._getAccessTokenUrl === 'function'
  return isClient ? (client as OAuthClient) : undefined
}

/**
 * Makes an OAuth client for one call of a strategy. It asks by the host's HTTP client, never writes an access token into a URL, adds what
 * the strategy lacks (PKCE, HTTP Basic), and notes the tokens in `overheard`.
 */
export const oauthClientAround = (client: OAuthClient, parts: AroundParts, overheard: Overheard): OAuthClient => {
  const send: SendRequest = (method, url, headers, body, accessToken, done) => {
    const sent: Record<string, string> = { ...client._customHeaders, ...headers }
    if (accessToken) sent['Authorization'] = `${client._authMethod ?? 'Bearer'} ${accessToken}`
    const isForToken = method === 'POST' && url === client._getAccessTokenUrl()
    const asked = isForToken
      ? tokenRequest(client, { headers: sent, body: body ?? '' }, parts)
      : { headers: sent, body }
    askService(parts.http, { method, url, headers: asked.headers, body: asked.body ?? '', signal: parts.signal })
      .then((answer) => {
        if (answer.status < 200 || answer.status > 299) return () => done(failureOf(answer))
        if (isForToken) noteTokens(answer.text, overheard)
        else noteUserinfo(answer.text, overheard)
        return () => done(null, answer.text, { statusCode: answer.status, headers: answer.headers })
      })
      .catch((error: unknown) => () => done(error))
      // The strategy goes on in here: what it throws is no failure of the request, and it would never report.
      .then((goOn) => goOn())
      .catch(parts.failed)
  }
  return Object.assign(Object.create(client) as OAuthClient, { _request: send })
}

const failureOf = ({ status, text }: ServiceAnswer) => ({ statusCode: status, data: text })

const tokenRequest = (
  { _clientId: id, _clientSecret: secret = '' }: OAuthClient,
  { headers, body }: { headers: Record<string, string>; body: string },
  { verifier, authMethod }: AroundParts,
): { headers: Record<string, string>; body: string } => {
  const fields = new URLSearchParams(body)
  if (verifier !== undefined && !fields.has('code_verifier')) fields.set('code_verifier', verifier)
  if (authMethod === 'client_secret_post') return { headers, body: fields.toString() }
  fields.delete('client_secret')
  // RFC 6749 §2.3.1: both halves are form-encoded first.
  const [user, password] = [id, secret].map((text) => new URLSearchParams({ x: text }).toString().slice(2))
  const basic = Buffer.from(`${user}:${password}`).toString('base64')
  return { headers: { ...headers, Authorization: `Basic ${basic}` }, body: fields.toString() }
}

const noteTokens = (text: string, overheard: Overheard): void => {
  const { access_token: accessToken, id_token: idToken } =
    objectIn(text) ?? Object.fromEntries(new URLSearchParams(text))
  if (typeof accessToken === 'string') overheard.accessToken = accessToken
  if (typeof idToken === 'string') overheard.idToken = idToken
}

const noteUserinfo = (text: string, overheard: Overheard): void => {
  const told = objectIn(text)
  if (told !== undefined) overheard.userinfo = told
}

/** Reads a JSON object; undefined for any other text. */
export const objectIn = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
