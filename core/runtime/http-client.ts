import { token } from '../di.ts'

export interface HttpRequest {
  method: string
  url: string
  headers: Readonly<Record<string, string>>
  body?: Uint8Array | string
  /** The whole exchange is given up after this long. */
  timeoutMs: number
  /** A longer body is refused. */
  maxBytes: number
  signal?: AbortSignal
  /**
   * The addresses of the URL's host, in order, instead of asking the system for them; TLS still checks the host's name. For https only. The
   * connection is kept for the next request with the same ones, and is HTTP/2 where the server has that.
   */
  addresses?: readonly string[]
}

export interface HttpResponse {
  status: number
  headers: Readonly<Record<string, string>>
  body: Uint8Array
}

/**
 * HTTP as a port for plugins: no redirects followed, no cookies, TLS verified, bounded in time and size. Rejects with an error that has a
 * `code`: `ETIMEDOUT`, `EMSGSIZE`, `EACCES` (in a portal: an address that is not the Internet's, nor in its `private_networks`), `EBADMSG` (packed in a way that cannot be read), `ABORT_ERR`, `EPROTONOSUPPORT`, or the system's (`ECONNREFUSED`, `CERT_HAS_EXPIRED` …).
 */
export interface HttpClient {
  send: (request: HttpRequest) => Promise<HttpResponse>
}

export const HttpClient = token<HttpClient>('http-client')
