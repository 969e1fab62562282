import type { UpstreamQuery, UpstreamVerdict } from '../contract/upstream-resolver.ts'
import type { DnsExchange } from '../runtime/dns-exchange.ts'
import type { Endpoint } from '../runtime/endpoint.ts'
import { isTruncated } from './message.ts'
import { failureOf } from './upstream-failure.ts'

/** A query for one server that speaks DNS. */
export interface ServerQuery extends Omit<UpstreamQuery, 'server'> {
  server: Endpoint
  /** Asks over TLS, of whoever proves to have this name. */
  serverName?: string
  /** For each of the at most two exchanges. */
  timeoutMs: number
}

/**
 * Asks one server as the application asked, or over TLS. An answer over UDP that was cut short is fetched again over TCP (RFC 7766 §5); where that
 * fails, the short one is given back. Never rejects.
 */
export const askServer = async (
  exchange: DnsExchange,
  { server, serverName, message, protocol, signal, timeoutMs }: ServerQuery,
): Promise<UpstreamVerdict> => {
  const name = serverName === undefined ? {} : { serverName }
  const ask = async (by: 'udp' | 'tcp' | 'tls'): Promise<UpstreamVerdict> => {
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
