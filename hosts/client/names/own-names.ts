import { parseQuery, type DnsQuery } from '../../../core/dns/message.ts'
import { leadsToServices, recordKind } from '../../../core/dns/record-kind.ts'
import type { DnsExchange, DnsExchangeRequest } from '../../../core/runtime/dns-exchange.ts'

/** Part of the client that answers names of resources. */
export interface OwnResolver {
  /** Whether a normalized name belongs to a resource. */
  isResource: (name: string) => boolean
  /** Returns the client's answer to a query for such a name. */
  answer: (message: Uint8Array) => Promise<Uint8Array>
}

/**
 * DNS client for resolver plugins. A plugin's own query for a resource's name, such as that of its server, is answered
 * by the client, so that the plugin connects through the tunnel (D12). No query for such a name leaves the machine,
 * except for records that the site does not have (D15).
 */
export class OwnNames implements DnsExchange {
  readonly #exchange: DnsExchange
  #resolver: OwnResolver | undefined

  /** `exchange` answers all other names, and all names until `setResolver` is called. */
  constructor(exchange: DnsExchange) {
    this.#exchange = exchange
  }

  /** Sets the client that answers resources' names. */
  setResolver(resolver: OwnResolver): void {
    this.#resolver = resolver
  }

  async send(request: DnsExchangeRequest): Promise<Uint8Array> {
    const resolver = this.#resolver
    const parsed = resolver === undefined ? undefined : parseQuery(request.message)
    if (parsed?.type === 'query' && resolver?.isResource(parsed.query.name) === true && !mayGoUpstream(parsed.query)) {
      return resolver.answer(request.message)
    }
    return this.#exchange.send(request)
  }
}

/**
 * Whether the client's resolver may ask upstream for a record type that the site lacks; answering it here would cause
 * an endless loop.
 */
const mayGoUpstream = ({ type }: DnsQuery): boolean => recordKind(type) === 'data' && !leadsToServices(type)
