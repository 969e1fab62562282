import type { UpstreamQuery, ServerVerdict } from '../contract/upstream-resolver.ts'
import type { DnsExchange } from '../runtime/dns-exchange.ts'
import type { Endpoint } from '../runtime/endpoint.ts'
import { isTruncated } from './message.ts'
import { failureOf } from './upstream-failure.ts'

/** A query for one DNS server. */
export interface ServerQuery extends Omit<UpstreamQuery, 'server' | 'settings'> {
  server: Endpoint
  /** Name or IP address in the server's certificate. If present, the server is asked over TLS. */
  serverName?: string | undefined
  /** Timeout of each of at most two exchanges. */
  timeoutMs: number
}

/**
 * Asks one server by the protocol that the application used, or over TLS. Repeats a query whose UDP answer is truncated
 * over TCP (RFC 7766 §5), and returns the truncated answer if that fails. Never rejects.
 */
export const askServer = async (
  exchange: DnsExchange,
  { server, serverName, message, protocol, signal, timeoutMs }: ServerQuery,
): Promise<ServerVerdict> => {
  const name = serverName === undefined ? {} : { serverName }
  const ask = async (by: 'udp' | 'tcp' | 'tls'): Promise<ServerVerdict> => {
    if (signal.aborted) return { type: 'failed', code: 'aborted', reason: `${server} (${by}): given up` }
    try {
      return {
        type: 'answered',
        message: await exchange.send({ server, protocol: by, ...name, message, timeoutMs, signal }),
      }
    } catch (error) {
      const code = signal.aborted ? 'aborted' : failureOf(error)
      return {
        type: 'failed',
        code,
        reason: `${server} (${by}): ${error instanceof Error ? error.message : String(error)}`,
      }
    }
  }
  if (serverName !== undefined) return ask('tls')
  const first = await ask(protocol)
  if (protocol === 'tcp' || first.type === 'failed' || !isTruncated(first.message)) return first
  const whole = await ask('tcp')
  return whole.type === 'answered' ? whole : first
}
