import { lookup } from 'node:dns/promises'
import { Socket, isIP } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { openStream } from './outgoing-socket.ts'

/** Longest wait for one address before the next is tried. */
const ATTEMPT_MS = 5_000

/** Of what `http.request`, `https.request` and `ws` hand to their `createConnection`, what matters here. */
export interface ConnectionRequest {
  host?: string | null | undefined
  hostname?: string | null | undefined
  port?: number | string | null | undefined
  defaultPort?: number | string | undefined
  servername?: string | undefined
  ca?: ConnectionOptions['ca']
}

/**
 * A `createConnection` for `http.request`, `https.request` and `ws` whose sockets carry SO_MARK, so that they bypass the tunnel.
 * Tries all addresses of the name in order. `tls` for wss: and https:. Needs CAP_NET_ADMIN.
 */
export const markedConnections =
  ({ mark, tls }: { mark: number; tls: boolean }) =>
  (request: ConnectionRequest, done: (error: Error | null, socket: Socket) => void): undefined => {
    connectMarked(request, { mark, tls }).then(
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
  { mark, tls }: { mark: number; tls: boolean },
): Promise<Socket> => {
  const host = (request.hostname ?? request.host ?? '').replace(/^\[(.*)\]$/, '$1')
  const port = Number(request.port ?? request.defaultPort ?? (tls ? 443 : 80))
  const addresses = await lookup(host, { all: true, verbatim: true })
  const failures: unknown[] = []
  for (const { address } of addresses) {
    try {
      const socket = await connectTo({ address, port, mark })
      if (!tls) return socket
      // An address is no server name (RFC 6066 §3), but it is what the certificate is checked against.
      const servername = request.servername ?? (isIP(host) === 0 ? host : '')
      const secured = connectTls({ socket, host, servername, ...(request.ca === undefined ? {} : { ca: request.ca }) })
      return secured.on('error', () => undefined) // whoever asked may have gone meanwhile
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length === 1) throw failures[0]
  const code = failures.find((failure) => failure instanceof Error && 'code' in failure)
  throw Object.assign(new AggregateError(failures, `no address of ${host} could be reached`), {
    code: code instanceof Error && 'code' in code ? code.code : 'ENOTFOUND',
  })
}

const connectTo = (to: { address: string; port: number; mark: number }): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = openStream(to)
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error(`no connection within ${ATTEMPT_MS} ms`), { code: 'ETIMEDOUT' }))
    }, ATTEMPT_MS)
    const fail = (error: Error): void => {
      clearTimeout(timer)
      reject(error)
    }
    socket.on('error', fail)
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
  })
