import { request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as requestHttps, type RequestOptions } from 'node:https'
import { isIP, type Socket } from 'node:net'
import { TLSSocket, type PeerCertificate } from 'node:tls'
import type { Clock } from '../../core/runtime/clock.ts'
import type { Random } from '../../core/runtime/random.ts'
import type { WebSocketFailure, WebSocketStep } from '../../core/runtime/web-socket.ts'
import { lookUpAll } from './look-up-all.ts'
import { outgoingConnections } from './outgoing-connection.ts'
import { proxyFor } from './proxy-settings.ts'
import { textFields } from './response-parts.ts'
import { TrustedCertificates } from './trusted-certificates.ts'

export interface PortalProbeOptions {
  /** URL of the control channel: ws: or wss:. */
  url: string
  caFile: string | undefined
  /** SO_MARK of the connection, by which it bypasses the tunnel; needs CAP_NET_ADMIN. */
  mark: number | undefined
  clock: Clock
  random: Random
}

/** Way to a portal's control channel, as tried without a token. */
export interface PortalProbe {
  url: string
  /** Addresses of the portal's name; empty if it has none that this machine can find. */
  addresses: readonly string[]
  /** HTTP proxy of the environment that the connection takes, without credentials. */
  proxy: string | undefined
  /** Certificate of the other end; undefined without TLS, and where it was not shown. */
  certificate: { subject: string; issuer: string; validTo: string } | undefined
  /** Milliseconds by which the portal's clock is ahead of this machine's, to within a second. */
  clockAheadMs: number | undefined
  /** Milliseconds until the answer or the failure. */
  ms: number
  /** HTTP response to the request; undefined after a failure. */
  answer: { status: number; headers: Readonly<Record<string, string>>; body: string } | undefined
  failure: WebSocketFailure | undefined
}

/** Time for the whole attempt. */
const TIMEOUT_MS = 12_000
const MAX_BODY_BYTES = 65_536

/**
 * Tries the way to a portal as a peer takes it: name, connection, proxy, TLS, and the request for a WebSocket, but
 * without a token, so that a portal refuses it. Never rejects.
 */
export const probePortal = async (options: PortalProbeOptions): Promise<PortalProbe> => {
  const { url: shown, clock, random } = options
  const url = new URL(shown.replace(/^ws/, 'http'))
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const begun = clock.now()
  const addresses = isIP(host) === 0 ? await lookUpAll(host).catch(() => []) : [host]
  const key = Buffer.from(random.bytes(16)).toString('base64')
  const { seen, ...outcome } = await attempt(url, { ...UPGRADE, 'Sec-WebSocket-Key': key }, options)
  const { answer } = outcome
  const ms = Math.round(clock.now() - begun)
  const clockAheadMs = answer && (aheadMs(answer, clock) ?? (await askedAheadMs(url, options)))
  return {
    url: shown,
    addresses,
    proxy: shownProxy(url, host),
    certificate: seen.certificate,
    clockAheadMs,
    ms,
    ...outcome,
  }
}

/** Returns by how much the clock of who sent a response is ahead; undefined if the response has no time. */
const aheadMs = ({ headers }: { headers: Readonly<Record<string, string>> }, clock: Clock): number | undefined => {
  const date = Date.parse(headers['date'] ?? '')
  return Number.isNaN(date) ? undefined : date - clock.unix()
}

/** Asks for the time by a request for a page: the answer to one for a WebSocket may have none. */
const askedAheadMs = async (url: URL, options: PortalProbeOptions): Promise<number | undefined> => {
  const { answer } = await attempt(url, {}, options)
  return answer && aheadMs(answer, options.clock)
}

const shownProxy = (url: URL, host: string): string | undefined => {
  const tls = url.protocol === 'https:'
  try {
    return proxyFor({ tls, host, port: Number(url.port === '' ? (tls ? 443 : 80) : url.port) })?.shown
  } catch {
    return undefined // The attempt fails with the same error and says so.
  }
}

interface Seen {
  step: WebSocketStep
  certificate: PortalProbe['certificate']
}

const attempt = async (
  url: URL,
  headers: Readonly<Record<string, string>>,
  { caFile, mark }: PortalProbeOptions,
): Promise<Pick<PortalProbe, 'answer' | 'failure'> & { seen: Seen }> => {
  const seen: Seen = { step: 'name', certificate: undefined }
  const sockets = new Set<Socket>()
  const tls = url.protocol === 'https:'
  const options: RequestOptions = {
    headers: { ...headers },
    defaultPort: tls ? 443 : 80,
    createConnection: outgoingConnections({
      mark,
      tls,
      secureContext: new TrustedCertificates({ caFile }).context,
      onStep: (begun) => (seen.step = begun === 'answer' ? 'upgrade' : begun),
      onSocket: (socket) => {
        sockets.add(socket)
        if (socket instanceof TLSSocket) noteCertificate(socket, seen)
      },
    }),
  }
  const sent = tls ? requestHttps(url, options) : requestHttp(url, options)
  try {
    return { answer: await answerTo(sent), failure: undefined, seen }
  } catch (error) {
    const { message } = error as Error
    const code = (error as NodeJS.ErrnoException).code
    return { answer: undefined, failure: { step: seen.step, ...(code === undefined ? {} : { code }), message }, seen }
  } finally {
    sent.destroy()
    for (const socket of sockets) socket.destroy()
  }
}

// RFC 6455 §4.1
const UPGRADE = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' }

/** Notes the certificate that the other end shows, also where it is not trusted. */
const noteCertificate = (socket: TLSSocket, seen: Seen): void => {
  const note = (): void => {
    // Null, whatever its type says, where the socket is destroyed already.
    const shown: Partial<PeerCertificate> | null = socket.getPeerCertificate()
    if (shown?.valid_to === undefined) return
    seen.certificate = { subject: nameOf(shown.subject), issuer: nameOf(shown.issuer), validTo: shown.valid_to }
  }
  // Node judges the certificate in its own listener of this event, and destroys the socket if it is not trusted.
  socket.prependOnceListener('secure', note)
  socket.once('secureConnect', note)
}

const nameOf = (name: { CN?: unknown; O?: unknown } | undefined): string => {
  const [found] = [name?.CN, name?.O].flatMap((part) => (typeof part === 'string' ? [part] : []))
  return found ?? 'nobody'
}

const answerTo = (sent: ClientRequest): Promise<NonNullable<PortalProbe['answer']>> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      sent.destroy(Object.assign(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`), { code: 'ETIMEDOUT' }))
    }, TIMEOUT_MS)
    sent.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    const take = (response: IncomingMessage): void => {
      void readStart(response).then((body) => {
        clearTimeout(timer)
        resolve({ status: response.statusCode ?? 0, headers: textFields(response.headers), body })
      })
    }
    sent.on('response', take)
    sent.on('upgrade', (response, socket) => {
      socket.destroy()
      take(response)
    })
    sent.end()
  })

/** Reads the beginning of a response's body; what was read until an error counts. */
const readStart = async (response: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= MAX_BODY_BYTES) break
    }
  } catch {
    // The connection was cut: its beginning is enough to tell who answered.
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString('utf8')
}
