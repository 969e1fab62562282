import { lookup } from 'node:dns/promises'
import { Socket, isIP } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type SecureContext } from 'node:tls'
import { failure } from './failure.ts'
import { openStream } from './outgoing-socket.ts'

/** Timeout of a connection attempt to one address. */
const ATTEMPT_MS = 5_000
/** Delay after which the next address is tried while the attempt before goes on. RFC 8305 §5 */
const STAGGER_MS = 300

/** Options used here of those that `http.request`, `https.request` and `ws` pass to `createConnection`. */
export interface ConnectionRequest {
  host?: string | null | undefined
  hostname?: string | null | undefined
  port?: number | string | null | undefined
  defaultPort?: number | string | undefined
  servername?: string | undefined
  ca?: ConnectionOptions['ca']
}

export interface MarkedOptions {
  /** SO_MARK of the sockets, which needs CAP_NET_ADMIN; if absent, they are not marked. */
  mark?: number | undefined
  /** Whether the connection is secured, as for wss: and https:. */
  tls: boolean
  /**
   * Returns the TLS context to use instead of Node's own roots, at each connection. May throw, which fails the
   * connection.
   */
  secureContext?: () => SecureContext
  /** Called as each step begins; `answer` means that the connection is ready for a request. */
  onStep?: (step: 'name' | 'connect' | 'tls' | 'answer') => void
  /** Called with the TCP socket, then with the TLS socket; the callee may destroy either at any time. */
  onSocket?: (socket: Socket) => void
}

/**
 * Returns a `createConnection` for `http.request`, `https.request` and `ws` whose sockets carry SO_MARK and so bypass
 * the tunnel. It tries all addresses of the name, each `STAGGER_MS` after the one before, and keeps the first that
 * connects.
 */
export const markedConnections =
  (options: MarkedOptions) =>
  (request: ConnectionRequest, done: (error: Error | null, socket: Socket) => void): undefined => {
    connectMarked(request, options).then(
      (socket) => {
        done(null, socket)
      },
      (error: unknown) => {
        // Node's type asks for a socket even with an error; it is not used.
        done(error instanceof Error ? error : new Error(String(error)), new Socket())
      },
    )
  }

const connectMarked = async (
  request: ConnectionRequest,
  { mark, tls, secureContext, onStep, onSocket }: MarkedOptions,
): Promise<Socket> => {
  const host = (request.hostname ?? request.host ?? '').replace(/^\[(.*)\]$/, '$1')
  const port = Number(request.port ?? request.defaultPort ?? (tls ? 443 : 80))
  onStep?.('name')
  const addresses = await lookup(host, { all: true, verbatim: true })
  onStep?.('connect')
  const socket = await connectToFirst(
    addresses.map(({ address }) => address),
    { host, port, mark },
  )
  onSocket?.(socket)
  if (!tls) {
    onStep?.('answer')
    return socket
  }
  onStep?.('tls')
  // RFC 6066 §3: an address is not sent as server name. The certificate is still checked against `host`.
  const servername = request.servername ?? (isIP(host) === 0 ? host : '')
  const trust = secureContext === undefined ? request.ca && { ca: request.ca } : { secureContext: secureContext() }
  const secured = connectTls({ socket, host, servername, ...trust })
  onSocket?.(secured)
  // The caller may have gone, and an error without a listener would end the process.
  return secured.on('error', () => undefined).once('secureConnect', () => onStep?.('answer'))
}

interface Target {
  /** Host name for error texts. */
  host: string
  port: number
  mark: number | undefined
}

/**
 * Connects to all addresses, staggered, and returns the first socket that connects. Rejects with an AggregateError of
 * all failures.
 */
const connectToFirst = (addresses: readonly string[], target: Target): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const open = new Set<Socket>()
    const failures: Error[] = []
    let next = 0
    let timer: NodeJS.Timeout | undefined
    let isOver = false

    const begin = (): void => {
      clearTimeout(timer)
      const address = addresses[next++]
      if (address === undefined || isOver) return
      if (next < addresses.length) timer = setTimeout(begin, STAGGER_MS)
      attempt(address, target, open).then(succeed, fail)
    }
    const succeed = (socket: Socket): void => {
      open.delete(socket)
      if (isOver) return void socket.destroy()
      isOver = true
      clearTimeout(timer)
      for (const other of open) other.destroy()
      resolve(socket)
    }
    const fail = (error: unknown): void => {
      failures.push(error instanceof Error ? error : new Error(String(error)))
      if (isOver) return
      if (failures.length < addresses.length) return begin()
      isOver = true
      reject(summary(failures, target.host))
    }
    if (addresses.length === 0) reject(failure('ENOTFOUND', `${target.host} has no address`))
    else begin()
  })

/** Connects to one address. The socket is in `open` until it fails or the caller removes it. */
const attempt = (address: string, { port, mark }: Target, open: Set<Socket>): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = openStream({ address, port, mark })
    open.add(socket)
    const timer = setTimeout(() => {
      socket.destroy(failure('ETIMEDOUT', `no answer from ${address} port ${port} within ${ATTEMPT_MS / 1_000} s`))
    }, ATTEMPT_MS)
    const end = (error: Error): void => {
      clearTimeout(timer)
      open.delete(socket)
      reject(error)
    }
    // This listener stays: an error without a listener would end the process.
    socket.on('error', end)
    socket.once('close', () => end(failure('ECONNABORTED', 'the connection was given up')))
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
  })

const summary = (failures: readonly Error[], host: string): Error => {
  const [first] = failures
  if (first !== undefined && failures.length === 1) return first
  const code = failures.find((one): one is Error & { code: string } => 'code' in one)?.code
  return Object.assign(new AggregateError(failures, failures.map(({ message }) => message).join('; ')), {
    code: code ?? 'ENOTFOUND',
    host,
  })
}
