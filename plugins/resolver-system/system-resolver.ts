import {
  after,
  anotherMayKnow,
  ASK_LAST_FOR_MS,
  askServer,
  responseCode,
  SECOND,
  type Clock,
  type DnsExchange,
  type Endpoint,
  type Instant,
  type NoSettings,
  type SystemResolvers,
  type UpstreamQuery,
  type UpstreamResolver,
  type UpstreamVerdict,
} from 'portreeve'

export interface SystemResolverNeeds {
  exchange: DnsExchange
  system: SystemResolvers
  clock: Clock
}

/**
 * Resolver that asks the system's servers, over TLS if the system asks them so, else by plain DNS. A query without a server tries them in turn, twice, the second
 * time with a longer timeout. A server that did not answer is tried last for half a minute.
 */
export class SystemResolver implements UpstreamResolver<NoSettings> {
  readonly #exchange: DnsExchange
  readonly #system: SystemResolvers
  readonly #clock: Clock
  readonly #deadUntil = new Map<Endpoint, Instant>()

  constructor({ exchange, system, clock }: SystemResolverNeeds) {
    this.#exchange = exchange
    this.#system = system
    this.#clock = clock
  }

  discover(): readonly Endpoint[] {
    return this.#system.servers()
  }

  async resolve({ server, ...query }: UpstreamQuery<NoSettings>): Promise<UpstreamVerdict> {
    if (server === undefined) return this.#inTurn(query)
    const serverName = this.#system.serverName?.(server)
    return askServer(this.#exchange, { ...query, server, serverName, timeoutMs: ONE_SERVER_TIMEOUT_MS })
  }

  async #inTurn(query: Omit<UpstreamQuery<NoSettings>, 'server'>): Promise<UpstreamVerdict> {
    const isDead = (endpoint: Endpoint) => (this.#deadUntil.get(endpoint) ?? 0) > this.#clock.now()
    const servers = this.#system.servers()
    const ordered = [...servers.filter((one) => !isDead(one)), ...servers.filter(isDead)]
    // An error answered by a server is preferred to a failure to reach another server.
    let worst: UpstreamVerdict = { type: 'failed', code: 'unreachable', reason: 'the system has no name servers' }
    for (const timeoutMs of TIMEOUTS_MS) {
      for (const server of ordered) {
        const serverName = this.#system.serverName?.(server)
        const verdict = await askServer(this.#exchange, { ...query, server, serverName, timeoutMs })
        if (verdict.type === 'answered') {
          this.#deadUntil.delete(server)
          if (!anotherMayKnow(responseCode(verdict.message))) return verdict
          worst = verdict
        } else {
          if (verdict.code === 'aborted') return verdict
          this.#deadUntil.set(server, after(this.#clock.now(), ASK_LAST_FOR_MS))
          if (worst.type === 'failed') worst = verdict
        }
      }
      if (worst.type === 'answered') return worst
    }
    return worst
  }
}

const ONE_SERVER_TIMEOUT_MS = 5 * SECOND
const TIMEOUTS_MS = [1 * SECOND, 2 * SECOND]
