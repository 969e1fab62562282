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
}

export interface HttpResponse {
  status: number
  headers: Readonly<Record<string, string>>
  body: Uint8Array
}

/** HTTP as a port for plugins: no redirects followed, no cookies, TLS verified, bounded in time and size. */
export interface HttpClient {
  send: (request: HttpRequest) => Promise<HttpResponse>
}

export const HttpClient = token<HttpClient>('http-client')
