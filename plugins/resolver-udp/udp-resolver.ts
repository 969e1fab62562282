import {
  askServer,
  SECOND,
  type DnsExchange,
  type UpstreamQuery,
  type UpstreamResolver,
  type UpstreamVerdict,
} from 'portreeve'

/**
 * Resolver that asks a server by plain DNS (RFC 1035): over UDP; over TCP if the application used TCP or the answer is
 * truncated.
 */
export class UdpResolver implements UpstreamResolver {
  readonly #exchange: DnsExchange

  constructor({ exchange }: { exchange: DnsExchange }) {
    this.#exchange = exchange
  }

  async resolve({ server: { endpoint }, ...query }: UpstreamQuery): Promise<UpstreamVerdict> {
    if (endpoint === undefined) return { type: 'failed', code: 'unsupported', reason: 'plain DNS needs an endpoint' }
    return askServer(this.#exchange, { ...query, server: endpoint, timeoutMs: TIMEOUT_MS })
  }
}

// After this time the client has given up on the query.
const TIMEOUT_MS = 5 * SECOND
