import { token } from '../di.ts'

export interface HttpRequest {
  method: string
  url: string
  headers: Readonly<Record<string, string>>
  body?: Uint8Array | string
  /** Timeout of the whole exchange. */
  timeoutMs: number
  /** Longest body that is accepted. */
  maxBytes: number
  signal?: AbortSignal
  /**
   * Addresses of the URL's host, in order of preference, to use instead of resolving its name; TLS still checks the
   * name. For https only. The connection is kept for later requests with the same addresses, and is HTTP/2 if the
   * server supports it.
   */
  addresses?: readonly string[]
}

export interface HttpResponse {
  status: number
  headers: Readonly<Record<string, string>>
  body: Uint8Array
}

/**
 * HTTP client for plugins: follows no redirects, keeps no cookies, verifies TLS, limits time and size. Rejects with an
 * error that has a `code`: `ETIMEDOUT`, `EMSGSIZE`, `EACCES` (in a portal: the address is neither in the Internet nor
 * in `private_networks`), `EBADMSG` (the body's encoding is malformed or unknown), `ABORT_ERR`, `EPROTONOSUPPORT`, or
 * one of the system (`ECONNREFUSED`, `CERT_HAS_EXPIRED` …).
 */
export interface HttpClient {
  send: (request: HttpRequest) => Promise<HttpResponse>
}

export const HttpClient = token<HttpClient>('http-client')
