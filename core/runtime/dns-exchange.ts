import { token } from '../di.ts'
import type { Endpoint } from './endpoint.ts'

/** Sends one DNS message to one server over an ordinary socket and gives back its answer. For resolver plugins. */
export interface DnsExchange {
  /**
   * The answer's bytes; its id and question have been checked against the query's. Rejects with an error whose `code` is
   * `ETIMEDOUT`, `ECONNREFUSED` …, `EBADMSG` where what came over a stream is not the answer (UDP goes on listening: anybody may
   * send), `ABORT_ERR` as soon as the signal aborts, and over TLS a code that begins with `CERT_` or `ERR_TLS_`, or is one of
   * OpenSSL's for certificates, where the server is not who it should be. A truncated answer is given back as it is.
   */
  send: (request: DnsExchangeRequest) => Promise<Uint8Array>
}

export interface DnsExchangeRequest {
  server: Endpoint
  /** `tls` is RFC 7858, over connections that are kept for the next queries. */
  protocol: 'udp' | 'tcp' | 'tls'
  /** The name that the server's certificate must have; for `tls`, which needs it. */
  serverName?: string
  message: Uint8Array
  timeoutMs: number
  signal?: AbortSignal
}

export const DnsExchange = token<DnsExchange>('dns-exchange')

/** The servers that the system itself is set to use, without Portreeve's own. */
export interface SystemResolvers {
  servers: () => readonly Endpoint[]
}

/** How the system itself finds a name without asking a name server, and which names it tries for a short one. Read anew where its files changed. */
export interface SystemNames {
  /** The addresses that the hosts file gives a normalized name, canonical; undefined where it does not have the name, or is not looked at. */
  hostAddresses: (name: string) => readonly string[] | undefined
  /** Whether name servers are asked before the hosts file. */
  asksServersFirst: () => boolean
  /** Domains that are tried behind a name of one label, normalized, in order. */
  searchDomains: () => readonly string[]
}

export const SystemNames = token<SystemNames>('system-names')

export const SystemResolvers = token<SystemResolvers>('system-resolvers')
