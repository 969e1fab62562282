import {
  askServer,
  endpoint,
  SECOND,
  type DnsExchange,
  type UpstreamQuery,
  type UpstreamResolver,
  type UpstreamVerdict,
} from 'portreeve'
import type { Settings } from './settings.ts'

/**
 * Resolver that asks a server by plain DNS (RFC 1035): over UDP; over TCP if the application used TCP or the answer is
 * truncated.
 */
export class UdpResolver implements UpstreamResolver<Settings> {
  readonly #exchange: DnsExchange

  constructor({ exchange }: { exchange: DnsExchange }) {
    this.#exchange = exchange
  }

  describe({ address, port }: Settings): string {
    return endpoint(address, port)
  }

  async resolve({ settings: { address, port }, ...query }: UpstreamQuery<Settings>): Promise<UpstreamVerdict> {
    return askServer(this.#exchange, { ...query, server: endpoint(address, port), timeoutMs: TIMEOUT_MS })
  }
}

// After this time the client has given up on the query.
const TIMEOUT_MS = 5 * SECOND
