import { lookup } from 'node:dns/promises'
import { Socket, isIP } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type SecureContext } from 'node:tls'
import { failure } from './failure.ts'
import { openStream } from './outgoing-socket.ts'

/** Longest wait for one address. */
const ATTEMPT_MS = 5_000
/** From one address's attempt to the next one's beside it (RFC 8305 §5): one that is silent costs no more. */
const STAGGER_MS = 300

/** Of what `http.request`, `https.request` and `ws` hand to their `createConnection`, what matters here. */
export interface ConnectionRequest {
  host?: string | null | undefined
  hostname?: string | null | undefined
  port?: number | string | null | undefined
  defaultPort?: number | string | undefined
  servername?: string | undefined
  ca?: ConnectionOptions['ca']
}

export interface MarkedOptions {
  /** SO_MARK; needs CAP_NET_ADMIN. Without it the sockets are ordinary ones. */
  mark?: number | undefined
  /** For wss: and https:. */
  tls: boolean
  /** Whom to trust instead of Node's own roots; asked for at each connection. Throws where that is not known. */
  secureContext?: () => SecureContext
  /** Hears of each step as it begins: `answer` once the connection is ready for a request. */
  onStep?: (step: 'name' | 'connect' | 'tls' | 'answer') => void
  /** Hears of the connection; it may be destroyed at any time. */
  onSocket?: (socket: Socket) => void
}

/**
 * A `createConnection` for `http.request`, `https.request` and `ws` whose sockets carry SO_MARK, so that they bypass the tunnel.
 * Tries all addresses of the name, each a moment after the one before, and takes the first that answers.
 */
export const markedConnections =
  (options: MarkedOptions) =>
  (request: ConnectionRequest, done: (error: Error | null, socket: Socket) => void): undefined => {
    connectMarked(request, options).then(
      (socket) => {
        done(null, socket)
      },
      (error: unknown) => {
        // Where there is an error nobody looks at the socket; Node's type wants one.
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
  // An address is no server name (RFC 6066 §3), but it is what the certificate is checked against.
  const servername = request.servername ?? (isIP(host) === 0 ? host : '')
  const trust = secureContext === undefined ? request.ca && { ca: request.ca } : { secureContext: secureContext() }
  const secured = connectTls({ socket, host, servername, ...trust })
  onSocket?.(secured)
  // Whoever asked may have gone meanwhile.
  return secured.on('error', () => undefined).once('secureConnect', () => onStep?.('answer'))
}

interface Target {
  /** For the error's text. */
  host: string
  port: number
  mark: number | undefined
}

/** The first connection of those to all addresses. Rejects with why the first address failed, and a word of the others. */
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
    // The listener stays: an error that nobody hears would end the process.
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
