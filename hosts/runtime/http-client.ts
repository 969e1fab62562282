import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps, type RequestOptions } from 'node:https'
import { isIP } from 'node:net'
import { lookup, type LookupAddress, type LookupOptions } from 'node:dns'
import type { HttpClient, HttpRequest, HttpResponse } from '../../core/runtime/http-client.ts'
import { failure } from './failure.ts'
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
}

/**
 * HTTP client on Node's: follows no redirects, keeps no cookies, bounds time and unpacked size. `permits` is asked
 * about the address that a socket is connected to, so that a name cannot resolve differently between check and use.
 */
export class NodeHttpClient implements HttpClient {
  readonly #pinned: PinnedHttp
  readonly #permits: PermitsAddress
  readonly #trusted: TrustedCertificates

  constructor(options: HttpClientOptions = {}) {
    this.#pinned = new PinnedHttp(options)
    this.#permits = options.permits ?? (() => true)
    this.#trusted = new TrustedCertificates({ only: options.ca })
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const url = new URL(request.url)
    if (request.addresses !== undefined) {
      for (const address of request.addresses) if (!this.#permits(address)) throw notPermitted(url.hostname)
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
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    // An address is never passed to `#lookup`, so it is checked here.
    if (isIP(host) !== 0 && !this.#permits(host)) throw notPermitted(host)
    const options: RequestOptions = { method, headers: { ...headers }, agent: false, signal, lookup: this.#lookup }
    return new Promise((resolve, reject) => {
      const sent =
        url.protocol === 'https:' ? requestHttps(url, { ...options, ...this.#trust() }) : requestHttp(url, options)
      sent.on('error', reject)
      sent.on('response', resolve)
      sent.on('socket', (socket) => {
        // Checks the address that is in use, whatever the resolver returned.
        socket.on('connect', () => {
          if (!this.#permits(socket.remoteAddress ?? '')) sent.destroy(notPermitted(host))
        })
      })
      sent.end(body)
    })
  }

  // An option of TLS sockets, which the types of requests leave out.
  #trust(): object {
    return { secureContext: this.#trusted.context() }
  }

  /** Looks a host up with the system's resolver and leaves out the addresses that are not permitted. */
  readonly #lookup = (
    host: string,
    options: LookupOptions,
    done: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void,
  ): void => {
    lookup(host, { ...options, all: true }, (error, found) => {
      const permitted = (error === null ? found : []).filter(({ address }) => this.#permits(address))
      const [first] = permitted
      if (error !== null) done(error, '')
      else if (first === undefined) done(notPermitted(host), '')
      else if (options.all === true) done(null, permitted)
      else done(null, first.address, first.family)
    })
  }
}

const notPermitted = (host: string): Error =>
  failure('EACCES', `${host} leads to no address of the Internet, nor of a network that the operator permits`)

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
