import type { Endpoint } from '../runtime/endpoint.ts'

/**
 * Resolves names that are no resources by asking one upstream, which settings of the account or of a configuration file
 * describe. The host decides which upstream, and asks the next one if this one fails or the name is not its own.
 *
 * It never rejects: a failure is a verdict with a stable code. It gives up when `signal` aborts. One that does neither, or answers with what is
 * no verdict, has failed.
 */
export interface UpstreamResolver<Settings = unknown> {
  /** Names an upstream for people by its settings, without secrets: `tls://dns.example.org`. By default the resolver's key is the name. */
  readonly describe?: (settings: Settings) => string
  /**
   * Lists the servers that settings stand for, in order, if the machine and not the settings names them. A client then asks each one by
   * itself. Called again whenever the network changes.
   */
  readonly discover?: (settings: Settings) => readonly Endpoint[]
  readonly resolve: (query: UpstreamQuery<Settings>) => Promise<UpstreamVerdict>
}

export interface UpstreamQuery<Settings = unknown> {
  /** Validated settings of the upstream to ask. */
  settings: Settings
  /** One of the servers that `discover` listed; absent: whichever of them answers. */
  server?: Endpoint
  /** A whole DNS message, header included. */
  message: Uint8Array
  /**
   * Protocol that the application used. Send a `tcp` query over TCP or a protocol that is as reliable, and return the
   * whole answer. For `udp` the answer may be truncated if it is marked TC, or longer than the application accepts: the
   * client truncates it.
   */
  protocol: 'udp' | 'tcp'
  signal: AbortSignal
}

/** Verdict of a resolver plugin. */
export type UpstreamVerdict =
  | ServerVerdict
  /** The resolver is not responsible for the name. The next one is asked at once; this does not count as a failure. */
  | { type: 'notMine' }

/** Outcome of a query to one server. */
export type ServerVerdict =
  /** Answer of the server, whatever its code (also NXDOMAIN, SERVFAIL). Its id and question must equal the query's. */
  | { type: 'answered'; message: Uint8Array }
  /** The server gave no answer. `reason` is for the operator, and must not contain the name that was asked for. */
  | { type: 'failed'; code: UpstreamFailure; reason: string }

/** Code of the reason why a server gave no answer. */
export type UpstreamFailure =
  /** The server did not answer in time. */
  | 'timeout'
  /** The server refused or closed the connection. */
  | 'refused'
  /** No route leads to the server, or the network is down. */
  | 'unreachable'
  /** The server has no valid certificate for the expected name. */
  | 'untrusted'
  /** The server's message is no answer to the query. */
  | 'malformed'
  /** This resolver cannot query such a server. */
  | 'unsupported'
  /** `signal` has aborted the query. */
  | 'aborted'
