import {
  askServer,
  SECOND,
  type DnsExchange,
  type UpstreamQuery,
  type UpstreamResolver,
  type UpstreamVerdict,
} from 'portreeve'

/** Plain DNS (RFC 1035): UDP, and TCP for what was asked over TCP or came back truncated. */
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

// The client has given up on the whole query by then.
const TIMEOUT_MS = 5 * SECOND
