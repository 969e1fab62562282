import {
  askServer,
  SECOND,
  type DnsExchange,
  type UpstreamQuery,
  type UpstreamResolver,
  type UpstreamVerdict,
} from 'portreeve'

/**
 * Resolver that asks a server by DNS over TLS (RFC 7858), with the strict profile (RFC 8310 §5): the server must prove
 * its name.
 */
export class TlsResolver implements UpstreamResolver {
  readonly #exchange: DnsExchange

  constructor({ exchange }: { exchange: DnsExchange }) {
    this.#exchange = exchange
  }

  async resolve({ server: { endpoint, serverName }, ...query }: UpstreamQuery): Promise<UpstreamVerdict> {
    if (endpoint === undefined || serverName === undefined) {
      return {
        type: 'failed',
        code: 'unsupported',
        reason: 'DNS over TLS needs an endpoint and the name of its certificate',
      }
    }
    return askServer(this.#exchange, { ...query, server: endpoint, serverName, timeoutMs: TIMEOUT_MS })
  }
}

// After this time the client has given up on the query.
const TIMEOUT_MS = 5 * SECOND
