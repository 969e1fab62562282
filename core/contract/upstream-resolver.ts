import type { Endpoint } from '../runtime/endpoint.ts'

/**
 * Who answers a name that is nobody's resource: asks one upstream server. The client decides which one, and moves on to the
 * next where this one fails or has nothing to do with the name.
 *
 * It never rejects: a failure is a verdict with a stable code. It gives up when `signal` aborts. One that does neither, or answers with what is
 * no verdict, has failed.
 */
export interface UpstreamResolver {
  /** The upstreams there are, in order, where the system and not the account knows them. Asked again whenever the network changes. */
  readonly discover?: () => readonly UpstreamServer[]
  readonly resolve: (query: UpstreamQuery) => Promise<UpstreamVerdict>
}

/** One upstream server; which of the members are present depends on the kind. With none: whichever `discover` would name, in turn. */
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
  /**
   * How the application asked. A query over `tcp` goes on over TCP or something as reliable, and its answer is whole. For `udp` an answer may
   * be longer than the application can take, which the client sees to, or cut short if it is marked TC.
   */
  protocol: 'udp' | 'tcp'
  signal: AbortSignal
}

/** Verdict of a resolver plugin. */
export type UpstreamVerdict =
  | ServerVerdict
  /** This resolver has nothing to do with the name: the next one is asked at once, and this one is not held against it. */
  | { type: 'notMine' }

/** Outcome of a query to a server. */
export type ServerVerdict =
  /** Any answer of the server, also NXDOMAIN or SERVFAIL, as it came. Its id and question are the query's. */
  | { type: 'answered'; message: Uint8Array }
  /** For the operator; `reason` names no question. */
  | { type: 'failed'; code: UpstreamFailure; reason: string }

export type UpstreamFailure =
  /** The server did not answer in time. */
  | 'timeout'
  /** It refused the connection or broke it off. */
  | 'refused'
  /** There is no way to it. */
  | 'unreachable'
  /** It cannot prove that it has the name that it should have. */
  | 'untrusted'
  /** What it sent is no answer to the query. */
  | 'malformed'
  /** This kind of resolver cannot ask such a server. */
  | 'unsupported'
  /** The signal. */
  | 'aborted'
