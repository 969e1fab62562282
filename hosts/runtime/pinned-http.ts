import { Agent, request as requestHttp1 } from 'node:https'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { isIP, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { HttpRequest, HttpResponse } from '../../core/runtime/http-client.ts'
import { failure } from './failure.ts'
import { connectByProxy, connectToAddress } from './outgoing-connection.ts'
import type { MarkFor } from './outgoing-socket.ts'
import { proxyFor } from './proxy-settings.ts'
import { readBody, textFields } from './response-parts.ts'
import { socketAttempt } from './socket-attempt.ts'
import { firstConnection } from './staggered-attempts.ts'
import { TrustedCertificates } from './trusted-certificates.ts'

const IDLE_MS = 10_000
/** Timeout of a TCP connection attempt to one address, and of TLS over it. */
const ATTEMPT_MS = 2_000
/** Maximum of origins with open connections; beyond, those of the least recently used are closed. */
const MAX_ORIGINS = 32
const HTTP1_SOCKETS = 8

/** Connections to one origin: one of HTTP/2, or an agent with several of HTTP/1.1. */
type Way = { type: 'http2'; session: ClientHttp2Session; inFlight: number } | { type: 'http1'; agent: Agent }

/**
 * HTTPS client that connects to addresses given by the caller, without a name lookup, and keeps connections open for
 * later requests.
 */
export class PinnedHttp {
  readonly #markFor: MarkFor | undefined
  readonly #trusted: TrustedCertificates
  /** Connections by origin, addresses and marks; least recently used first. */
  readonly #ways = new Map<string, Promise<Way>>()

  constructor({ markFor, ca }: { markFor?: MarkFor; ca?: string }) {
    this.#markFor = markFor
    this.#trusted = new TrustedCertificates({ only: ca })
  }

  async send(request: HttpRequest, addresses: readonly string[]): Promise<HttpResponse> {
    const url = new URL(request.url)
    if (url.protocol !== 'https:') throw failure('EPROTONOSUPPORT', `not an https address: ${url.protocol}`)
    const deadline = AbortSignal.timeout(request.timeoutMs)
    const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal])
    const marked = addresses.map((address) => `${address}%${this.#markOf(address, url) ?? ''}`)
    const given = [url.origin, ...marked].join(' ')
    try {
      signal.throwIfAborted()
      let way = await untilAborted(this.#wayTo(given, url, addresses), signal)
      if (way.type === 'http2' && (way.session.closed || way.session.destroyed)) {
        this.#drop(given)
        way = await untilAborted(this.#wayTo(given, url, addresses), signal)
      }
      return await (way.type === 'http2'
        ? sendHttp2(way, request, url, signal)
        : sendHttp1(way.agent, request, url, signal))
    } catch (error) {
      if (request.signal?.aborted === true) throw failure('ABORT_ERR', 'the request was given up', error)
      if (!deadline.aborted) throw error
      // The path may be broken without an error, so the next request connects anew.
      this.#drop(given)
      throw failure('ETIMEDOUT', `no whole answer within ${request.timeoutMs} ms`, error)
    }
  }

  #wayTo(given: string, url: URL, addresses: readonly string[]): Promise<Way> {
    const way = this.#ways.get(given) ?? this.#open(given, url, addresses)
    this.#ways.delete(given)
    this.#ways.set(given, way)
    for (const oldest of this.#ways.keys()) {
      if (this.#ways.size <= MAX_ORIGINS) break
      this.#drop(oldest)
    }
    return way
  }

  #open(given: string, url: URL, addresses: readonly string[]): Promise<Way> {
    const forget = (): void => {
      if (this.#ways.get(given) === way) this.#ways.delete(given)
    }
    const way = this.#connect(url, addresses).then((socket): Way => {
      if (socket.alpnProtocol !== 'h2') return { type: 'http1', agent: this.#agent(socket, url, addresses) }
      const session = connectHttp2(url.origin, { createConnection: () => socket })
      session.setTimeout(IDLE_MS, () => session.close())
      session.on('error', forget)
      session.on('goaway', forget)
      session.on('close', forget)
      session.unref()
      return { type: 'http2', session, inFlight: 0 }
    })
    way.catch(forget)
    return way
  }

  #agent(first: TLSSocket, url: URL, addresses: readonly string[]): Agent {
    let unused: TLSSocket | undefined = first
    const agent = new Agent({ keepAlive: true, maxSockets: HTTP1_SOCKETS, timeout: IDLE_MS })
    agent.createConnection = (_options, done) => {
      const ready = unused?.destroyed === false ? Promise.resolve(unused) : this.#connect(url, addresses)
      unused = undefined
      ready.then(
        (socket) => done?.(null, socket),
        (error: unknown) => done?.(error instanceof Error ? error : new Error(String(error)), first),
      )
      return undefined
    }
    return agent
  }

  #connect(url: URL, addresses: readonly string[]): Promise<TLSSocket> {
    return firstConnection({
      addresses,
      host: hostOf(url),
      attempt: async (address, signal) => this.#secure(await this.#connectTo(address, url, signal), url, signal),
      discard: (late) => late.destroy(),
    })
  }

  /** Connects to an address, by a proxy unless this machine's tunnel leads there. */
  #connectTo(address: string, url: URL, signal: AbortSignal): Promise<Socket> {
    const [port, mark] = [portOf(url), this.#markOf(address, url)]
    const isByTunnel = this.#markFor !== undefined && mark === undefined
    const proxy = isByTunnel ? undefined : proxyFor({ tls: true, host: hostOf(url), port })
    if (proxy === undefined) return connectToAddress({ address, port, mark, signal, timeoutMs: ATTEMPT_MS })
    return connectByProxy(proxy, { host: address, port, mark, signal, secureContext: this.#trusted.context })
  }

  async #secure(stream: Socket, url: URL, signal: AbortSignal): Promise<TLSSocket> {
    const host = hostOf(url)
    const socket = connectTls({
      socket: stream,
      host,
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['h2', 'http/1.1'],
      minVersion: 'TLSv1.2',
      secureContext: this.#trusted.context(),
    })
    const timedOut = (): Error => failure('ETIMEDOUT', `no TLS within ${ATTEMPT_MS} ms`)
    await socketAttempt({ socket, signal, timeoutMs: ATTEMPT_MS, timedOut }, ({ succeed, fail }) => {
      // These listeners stay once it is connected, as an unused connection has no other.
      stream.on('error', fail)
      socket.on('error', fail)
      socket.once('close', () => fail(failure('ECONNRESET', 'the connection ended')))
      socket.once('secureConnect', succeed)
    })
    return socket
  }

  #markOf(address: string, url: URL): number | undefined {
    return this.#markFor?.({ address, port: portOf(url), protocol: 'tcp' })
  }

  #drop(given: string): void {
    const way = this.#ways.get(given)
    this.#ways.delete(given)
    way?.then(
      (open) => (open.type === 'http2' ? open.session.close() : open.agent.destroy()),
      () => undefined,
    )
  }
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1')

const portOf = (url: URL): number => (url.port === '' ? 443 : Number(url.port))

const sendHttp2 = async (
  way: Way & { type: 'http2' },
  { method, headers, body, maxBytes }: HttpRequest,
  url: URL,
  signal: AbortSignal,
): Promise<HttpResponse> => {
  way.inFlight++
  way.session.ref()
  const stream = way.session.request({ ...headers, ':method': method, ':path': url.pathname + url.search }, { signal })
  try {
    const head = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      stream.once('response', resolve)
      stream.on('error', reject)
      stream.once('close', () => reject(failure('ECONNRESET', 'the connection ended before the answer')))
    })
    stream.end(body)
    const { ':status': status, ...fields } = await head
    return { status: Number(status), headers: textFields(fields), body: await readBody(stream, maxBytes) }
  } finally {
    stream.destroy()
    // An idle connection must not keep the process alive.
    if (--way.inFlight === 0) way.session.unref()
  }
}

const sendHttp1 = async (
  agent: Agent,
  { method, headers, body, maxBytes }: HttpRequest,
  url: URL,
  signal: AbortSignal,
): Promise<HttpResponse> => {
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const request = requestHttp1(url, { method, headers: { ...headers, ...length }, agent, signal })
  const response = await new Promise<Readable & { statusCode?: number; headers: object }>((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', reject)
    request.end(body)
  })
  return {
    status: response.statusCode ?? 0,
    headers: textFields(response.headers),
    body: await readBody(response, maxBytes),
  }
}

/**
 * Settles as the promise does, or rejects as soon as the signal aborts; the work behind the promise is not cancelled.
 */
const untilAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const onAbort = (): void => reject(failure('ABORT_ERR', 'given up'))
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
