import {
  askServer,
  SECOND,
  type DnsExchange,
  type UpstreamQuery,
  type UpstreamResolver,
  type UpstreamVerdict,
} from 'portreeve'

/** DNS over TLS (RFC 7858) with the strict profile of RFC 8310 §5: a server that cannot prove its name is not asked. */
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

// The client has given up on the whole query by then.
const TIMEOUT_MS = 5 * SECOND
