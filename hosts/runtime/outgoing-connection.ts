import { isIP, Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type SecureContext } from 'node:tls'
import { failure } from './failure.ts'
import { lookUpAll } from './look-up-all.ts'
import { openStream } from './outgoing-socket.ts'
import type { PermitsAddress } from './permitted-addresses.ts'
import { proxyFor, type Proxy } from './proxy-settings.ts'
import { throughProxy } from './proxy-tunnel.ts'
import { socketAttempt } from './socket-attempt.ts'
import { firstConnection } from './staggered-attempts.ts'

/** Timeout of a connection attempt to one address. */
const ATTEMPT_MS = 5_000

/** Options used here of those that `http.request`, `https.request` and `ws` pass to `createConnection`. */
export interface ConnectionRequest {
  host?: string | null | undefined
  hostname?: string | null | undefined
  port?: number | string | null | undefined
  defaultPort?: number | string | undefined
  servername?: string | undefined
  ca?: ConnectionOptions['ca']
}

export interface OutgoingConnectionOptions {
  /** SO_MARK of the sockets, which needs CAP_NET_ADMIN; if absent, they are not marked. */
  mark?: number | undefined
  /** Whether the connection is secured, as for wss: and https:. */
  tls: boolean
  /**
   * Returns the TLS context to use instead of Node's own roots, at each connection. May throw, which fails the
   * connection.
   */
  secureContext?: (() => SecureContext) | undefined
  /**
   * Whether an address of the target may be connected to; by default all may. A proxy is then asked for a permitted
   * address, not for the name, which could lead elsewhere there.
   */
  permits?: PermitsAddress | undefined
  /** Whether a proxy is asked for the name all the same, because it permits names only, or nobody else knows them. */
  proxyResolvesNames?: boolean | undefined
  /** Called as each step begins; `answer` means that the connection is ready for a request. */
  onStep?: (step: 'name' | 'connect' | 'proxy' | 'tls' | 'answer') => void
  /** Called with the TCP socket, then with the TLS socket; the callee may destroy either at any time. */
  onSocket?: ((socket: Socket) => void) | undefined
}

/**
 * Returns a `createConnection` for `http.request`, `https.request` and `ws`. It tries all addresses of the name,
 * staggered (RFC 8305), or asks the proxy of the environment. Its sockets carry SO_MARK if given, and so bypass the
 * tunnel.
 */
export const outgoingConnections =
  (options: OutgoingConnectionOptions) =>
  (request: ConnectionRequest, done: (error: Error | null, socket: Socket) => void): undefined => {
    connect(request, options).then(
      (socket) => {
        done(null, socket)
      },
      (error: unknown) => {
        // Node's type asks for a socket even with an error; it is not used.
        done(error instanceof Error ? error : new Error(String(error)), new Socket())
      },
    )
  }

const connect = async (request: ConnectionRequest, options: OutgoingConnectionOptions): Promise<Socket> => {
  const { tls, secureContext, onStep, onSocket } = options
  const host = (request.hostname ?? request.host ?? '').replace(/^\[(.*)\]$/, '$1')
  const port = Number(request.port ?? request.defaultPort ?? (tls ? 443 : 80))
  const proxy = proxyFor({ tls, host, port })
  const reached = proxy === undefined ? connectTo({ host, port }, options) : connectBy(proxy, { host, port }, options)
  const socket = await reached
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

interface HostAndPort {
  host: string
  port: number
}

/** Connects to a host itself. */
const connectTo = async (
  { host, port }: HostAndPort,
  { mark, permits, onStep, onSocket }: OutgoingConnectionOptions,
): Promise<Socket> => {
  onStep?.('name')
  const addresses = await permittedAddresses(host, permits)
  onStep?.('connect')
  const socket = await firstConnection({
    addresses,
    host,
    attempt: (address, signal) => connectToAddress({ address, port, mark, signal }),
    discard: (late) => late.destroy(),
  })
  onSocket?.(socket)
  return socket
}

/** Connects to a host by a proxy, whose own address needs no permission, as it is the operator's choice. */
const connectBy = async (
  proxy: Proxy,
  { host, port }: HostAndPort,
  { mark, permits, proxyResolvesNames, secureContext, onStep, onSocket }: OutgoingConnectionOptions,
): Promise<Socket> => {
  const isByName = permits === undefined || (proxyResolvesNames === true && isIP(host) === 0)
  if (!isByName) onStep?.('name')
  const addresses = isByName ? [host] : await permittedAddresses(host, permits)
  onStep?.('proxy')
  return firstConnection({
    addresses,
    host,
    attempt: (address, signal) => connectByProxy(proxy, { host: address, port, mark, signal, secureContext, onSocket }),
    discard: (late) => late.destroy(),
  })
}

/**
 * Connects to a host name or address by a proxy. Rejects with a code of `throughProxy`, and PROXY_UNREACHABLE if there
 * is no connection to the proxy.
 */
export const connectByProxy = async (
  proxy: Proxy,
  { host, port, mark, signal, secureContext, onSocket }: ProxiedAttempt,
): Promise<Socket> => {
  const plain = await openToProxy(proxy, { mark, signal })
  onSocket?.(plain)
  const socket = proxy.tls ? secureToProxy(plain, proxy, secureContext) : plain
  return throughProxy(socket, { proxy, host, port, signal })
}

interface ProxiedAttempt extends HostAndPort, Pick<OutgoingConnectionOptions, 'mark' | 'secureContext' | 'onSocket'> {
  signal: AbortSignal
}

const openToProxy = async (
  { host, port, shown }: Proxy,
  { mark, signal }: { mark: number | undefined; signal: AbortSignal },
): Promise<Socket> => {
  try {
    return await firstConnection({
      addresses: await lookUpAll(host),
      host,
      attempt: (address, given) => connectToAddress({ address, port, mark, signal: AbortSignal.any([signal, given]) }),
      discard: (late) => late.destroy(),
    })
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    throw failure('PROXY_UNREACHABLE', `the proxy ${shown} is not reached: ${said}`, error)
  }
}

const secureToProxy = (socket: Socket, { host }: Proxy, secureContext: (() => SecureContext) | undefined): Socket =>
  connectTls({
    socket,
    host,
    servername: isIP(host) === 0 ? host : '',
    ...(secureContext === undefined ? {} : { secureContext: secureContext() }),
    // An error without a listener would end the process.
  }).on('error', () => undefined)

/** Looks a host up and leaves out the addresses that are not permitted. Rejects with EACCES if none is left. */
const permittedAddresses = async (host: string, permits: PermitsAddress = () => true): Promise<string[]> => {
  const permitted = (isIP(host) === 0 ? await lookUpAll(host) : [host]).filter((address) => permits(address))
  if (permitted.length === 0) throw notPermitted(host)
  return permitted
}

/** Returns the error about a host without a permitted address. */
export const notPermitted = (host: string): Error =>
  failure('EACCES', `${host} leads to no address of the Internet, nor of a network that the operator permits`)

/** Connects to one address. Rejects with ETIMEDOUT, ECONNABORTED if `signal` aborts, or the system's code. */
export const connectToAddress = async ({
  address,
  port,
  mark,
  signal,
  timeoutMs = ATTEMPT_MS,
}: {
  address: string
  port: number
  mark: number | undefined
  signal: AbortSignal
  timeoutMs?: number
}): Promise<Socket> => {
  const socket = openStream({ address, port, mark })
  const timedOut = (): Error =>
    failure('ETIMEDOUT', `no answer from ${address} port ${port} within ${timeoutMs / 1_000} s`)
  await socketAttempt({ socket, signal, timeoutMs, timedOut }, ({ succeed, fail }) => {
    // This listener stays: an error without a listener would end the process.
    socket.on('error', fail)
    socket.once('close', () => fail(failure('ECONNABORTED', 'the connection was given up')))
    socket.once('connect', succeed)
  })
  return socket
}
