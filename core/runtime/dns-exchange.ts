import { token } from '../di.ts'
import type { Endpoint } from './endpoint.ts'

/** Sends one DNS message to one server over an ordinary socket and gives back its answer. For resolver plugins. */
export interface DnsExchange {
  /**
   * The answer's bytes; its id and question have been checked against the query's. Rejects with an error whose `code` is
   * `ETIMEDOUT`, `ECONNREFUSED` …, `EBADMSG` where what came over TCP is not the answer (UDP goes on listening: anybody may send),
   * `ABORT_ERR` as soon as the signal aborts. A truncated answer is given back as it is.
   */
  send: (request: DnsExchangeRequest) => Promise<Uint8Array>
}

export interface DnsExchangeRequest {
  server: Endpoint
  protocol: 'udp' | 'tcp'
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
