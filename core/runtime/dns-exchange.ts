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

export const SystemResolvers = token<SystemResolvers>('system-resolvers')
