import { token } from '../di.ts'
import type { Endpoint } from './endpoint.ts'

/**
 * DNS transport for resolver plugins: sends one message to one server over an ordinary socket, and returns its answer.
 */
export interface DnsExchange {
  /**
   * Sends a query and resolves to the bytes of the answer, whose id and question match the query; it may be truncated.
   * Rejects with an error whose `code` is `ETIMEDOUT`, `ECONNREFUSED` …; `EBADMSG` if a stream carries anything but the
   * answer (over UDP, other messages are ignored, as anybody may send them); `ABORT_ERR` as soon as the signal aborts;
   * or, if the server's certificate is not valid, a code that begins with `CERT_` or `ERR_TLS_`, or another of
   * OpenSSL's for certificates.
   */
  send: (request: DnsExchangeRequest) => Promise<Uint8Array>
}

export interface DnsExchangeRequest {
  server: Endpoint
  /** Transport of the query. `tls` is RFC 7858, over connections that are kept for later queries. */
  protocol: 'udp' | 'tcp' | 'tls'
  /** Name, or IP address, that the server's certificate must have; required for `tls`. */
  serverName?: string
  message: Uint8Array
  timeoutMs: number
  signal?: AbortSignal
}

export const DnsExchange = token<DnsExchange>('dns-exchange')

/** Name servers that the system is configured to use, without Portreeve's own. */
export interface SystemResolvers {
  servers: () => readonly Endpoint[]
  /**
   * Returns the name, or IP address, in the certificate of a server that the system asks over TLS only (RFC 7858);
   * undefined for a server of plain DNS, as all are where this is absent.
   */
  serverName?: (server: Endpoint) => string | undefined
  /** Takes addresses of the client's own resolver, which is not among the servers from then on. */
  leaveOut?: (addresses: readonly string[]) => void
}

/**
 * System's configuration of name lookups: hosts file, order of sources, search domains. Its files are read again when
 * they change.
 */
export interface SystemNames {
  /**
   * Returns the addresses (canonical) of a normalized name in the hosts file; undefined if the file lacks the name or
   * is not used.
   */
  hostAddresses: (name: string) => readonly string[] | undefined
  /** Whether name servers are asked before the hosts file. */
  asksServersFirst: () => boolean
  /** Returns the domains (normalized) to append, one after another, to a name of one label. */
  searchDomains: () => readonly string[]
}

export const SystemNames = token<SystemNames>('system-names')

export const SystemResolvers = token<SystemResolvers>('system-resolvers')
