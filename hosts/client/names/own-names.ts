import { parseQuery, type DnsQuery } from '../../../core/dns/message.ts'
import { leadsToServices, recordKind } from '../../../core/dns/record-kind.ts'
import type { DnsExchange, DnsExchangeRequest } from '../../../core/runtime/dns-exchange.ts'

/** The client, as far as it answers names. */
export interface OwnResolver {
  /** Whether a normalized name is a resource's. */
  isResource: (name: string) => boolean
  /** The client's own answer to a query for one. */
  answer: (message: Uint8Array) => Promise<Uint8Array>
}

/**
 * The DNS port of resolver plugins: what they ask on their own account of a name that is a resource's, as where their server is, is answered here
 * and leads into the tunnel (D12). No query for such a name leaves the machine, but for records that its site does not have (D15).
 */
export class OwnNames implements DnsExchange {
  readonly #exchange: DnsExchange
  #resolver: OwnResolver | undefined

  /** `exchange` is for all other names, and for all names until a client answers. */
  constructor(exchange: DnsExchange) {
    this.#exchange = exchange
  }

  /** Has resources' names answered by a client from here on. */
  answerBy(resolver: OwnResolver): void {
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

/** Whether the resolver itself has a query asked upstream, where the site has no such record: answered here, it would be asked again without end. */
const mayGoUpstream = ({ type }: DnsQuery): boolean => recordKind(type) === 'data' && !leadsToServices(type)
