import { parseQuery } from '../../core/dns/message.ts'
import type { DnsExchange, DnsExchangeRequest } from '../../core/runtime/dns-exchange.ts'

export interface OwnNamesOptions {
  /** For all other names. */
  exchange: DnsExchange
  /** Whether a normalized name is a resource's. */
  isResource: (name: string) => boolean
  /** The client's own answer to a query for one. */
  answer: (message: Uint8Array) => Promise<Uint8Array>
}

/**
 * The DNS port of resolver plugins: what they ask on their own account of a name that is a resource's, as where their server is, is answered here
 * and leads into the tunnel (D12). No query for such a name leaves the machine.
 */
export class OwnNames implements DnsExchange {
  readonly #options: OwnNamesOptions

  constructor(options: OwnNamesOptions) {
    this.#options = options
  }

  async send(request: DnsExchangeRequest): Promise<Uint8Array> {
    const { exchange, isResource, answer } = this.#options
    const parsed = parseQuery(request.message)
    if (parsed.type === 'query' && isResource(parsed.query.name)) return answer(request.message)
    return exchange.send(request)
  }
}
