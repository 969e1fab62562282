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
 * Resolver that asks a server by DNS over TLS (RFC 7858), with the strict profile (RFC 8310 §5): the server must prove
 * its name.
 */
export class TlsResolver implements UpstreamResolver<Settings> {
  readonly #exchange: DnsExchange

  constructor({ exchange }: { exchange: DnsExchange }) {
    this.#exchange = exchange
  }

  describe({ address, port, server_name }: Settings): string {
    return `tls://${server_name} (${endpoint(address, port)})`
  }

  async resolve({ settings, ...query }: UpstreamQuery<Settings>): Promise<UpstreamVerdict> {
    const { address, port, server_name: serverName } = settings
    return askServer(this.#exchange, { ...query, server: endpoint(address, port), serverName, timeoutMs: TIMEOUT_MS })
  }
}

// After this time the client has given up on the query.
const TIMEOUT_MS = 5 * SECOND
