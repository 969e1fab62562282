import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps, type RequestOptions } from 'node:https'
import type { HttpClient, HttpRequest, HttpResponse } from '../../core/runtime/http-client.ts'
import { failure } from './failure.ts'
import { notPermitted, outgoingConnections } from './outgoing-connection.ts'
import type { MarkFor } from './outgoing-socket.ts'
import type { PermitsAddress } from './permitted-addresses.ts'
import { PinnedHttp } from './pinned-http.ts'
import { readBody, textFields } from './response-parts.ts'
import { TrustedCertificates } from './trusted-certificates.ts'
import { unpacked } from './unpacked-body.ts'

export interface HttpClientOptions {
  /** Returns the SO_MARK of each socket to a pinned address; by default no socket is marked. */
  markFor?: MarkFor
  /** Certificates (PEM) to trust instead of the built-in roots. */
  ca?: string
  /** Whether an address may be connected to; by default all may. */
  permits?: PermitsAddress
  /** Whether the environment's proxy resolves names itself, and so has to keep away from addresses not permitted. */
  proxyResolvesNames?: boolean | undefined
}

/**
 * HTTP client on Node's: follows no redirects, keeps no cookies, bounds time and unpacked size. `permits` is asked
 * about the address that a socket is connected to, or that a proxy is asked for, so that a name cannot resolve
 * differently between check and use.
 */
export class NodeHttpClient implements HttpClient {
  readonly #pinned: PinnedHttp
  readonly #permits: PermitsAddress | undefined
  readonly #proxyResolvesNames: boolean | undefined
  readonly #trusted: TrustedCertificates

  constructor(options: HttpClientOptions = {}) {
    this.#pinned = new PinnedHttp(options)
    this.#permits = options.permits
    this.#proxyResolvesNames = options.proxyResolvesNames
    this.#trusted = new TrustedCertificates({ only: options.ca })
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const url = new URL(request.url)
    if (request.addresses !== undefined) {
      for (const address of request.addresses) if (this.#permits?.(address) === false) throw notPermitted(url.hostname)
      return this.#pinned.send(request, request.addresses)
    }
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw failure('EPROTONOSUPPORT', `not an HTTP address: ${url.protocol}`)
    }
    const deadline = AbortSignal.timeout(request.timeoutMs)
    const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal])
    try {
      const response = await this.#begin(request, url, signal)
      const body = await readBody(response, request.maxBytes)
      const { 'content-encoding': encoding, ...headers } = textFields(response.headers)
      return { status: response.statusCode ?? 0, headers, body: await unpacked(body, encoding, request.maxBytes) }
    } catch (error) {
      if (request.signal?.aborted === true) throw failure('ABORT_ERR', 'the request was given up', error)
      if (deadline.aborted) throw failure('ETIMEDOUT', `no whole answer within ${request.timeoutMs} ms`, error)
      // If a name has several addresses, the failure of the first is reported.
      const code = codeOf(error)
      throw code === undefined ? error : failure(code, `the request failed: ${messageOf(error) ?? code}`, error)
    }
  }

  #begin({ method, headers, body }: HttpRequest, url: URL, signal: AbortSignal): Promise<IncomingMessage> {
    const tls = url.protocol === 'https:'
    const createConnection = outgoingConnections({
      tls,
      secureContext: this.#trusted.context,
      permits: this.#permits,
      proxyResolvesNames: this.#proxyResolvesNames,
    })
    // No `agent`, not even `false`: it would connect by itself. The default port is otherwise known to agents only.
    const defaultPort = tls ? 443 : 80
    const options: RequestOptions = { method, headers: { ...headers }, signal, createConnection, defaultPort }
    return new Promise((resolve, reject) => {
      const sent = tls ? requestHttps(url, options) : requestHttp(url, options)
      sent.on('error', reject)
      sent.on('response', resolve)
      sent.end(body)
    })
  }
}

const chainOf = function* (error: unknown): Generator<Error> {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; depth++) {
    yield at
    at = at instanceof AggregateError ? at.errors[0] : at.cause
  }
}

const codeOf = (error: unknown): string | undefined => {
  for (const at of chainOf(error)) if ('code' in at && typeof at.code === 'string') return at.code
  return undefined
}

const messageOf = (error: unknown): string | undefined => {
  for (const { message } of chainOf(error)) if (message !== '') return message
  return undefined
}
