import { extensionPoint } from '../plugin/extension-point.ts'
import type { Endpoint } from '../runtime/endpoint.ts'

/**
 * Who answers a name that is nobody's resource: asks one upstream server. The client decides which one, and moves on to the
 * next where this one fails.
 *
 * It never rejects: a failure is a verdict with a stable code. It gives up when `signal` aborts.
 */
export interface UpstreamResolver {
  /** The upstreams there are, where the system and not the account knows them. Asked again before each query. */
  discover?: () => readonly UpstreamServer[]
  resolve: (query: UpstreamQuery) => Promise<UpstreamVerdict>
}

/** One upstream server; which of the members are present depends on the kind. */
export interface UpstreamServer {
  /** `192.0.2.53:53` */
  endpoint?: Endpoint
  /** `https://dns.example.org/dns-query` */
  url?: string
  /** The name that the server's certificate must have. */
  serverName?: string
}

export interface UpstreamQuery {
  server: UpstreamServer
  /** A whole DNS message, header included. */
  message: Uint8Array
  /** How the application asked: an answer that was cut short suffices for `udp` only if it is marked TC. */
  protocol: 'udp' | 'tcp'
  signal: AbortSignal
}

export type UpstreamVerdict =
  | { type: 'answered'; message: Uint8Array }
  | { type: 'failed'; code: 'timeout' | 'refused' | 'unreachable' | 'malformed' | 'unsupported'; reason: string }

export const UpstreamResolvers = extensionPoint<UpstreamResolver>('upstream-resolvers')
