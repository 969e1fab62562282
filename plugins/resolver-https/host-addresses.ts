import { isIP } from 'node:net'
import {
  after,
  lookUpHost,
  MINUTE,
  SECOND,
  type Clock,
  type DnsExchange,
  type Instant,
  type Endpoint,
  type SystemResolvers,
} from 'portreeve'
import type { Config } from './config.ts'
import { WELL_KNOWN } from './well-known.ts'

export interface HostAddressesOptions {
  config: Config
  exchange: DnsExchange
  system: SystemResolvers
  clock: Clock
}

/**
 * Finds the addresses of DNS servers by host name, without the resolver itself: in the configuration, among the
 * built-in ones, or at the name servers that the system had before Portreeve. The latter are cached for five minutes,
 * and used longer if those servers do not answer.
 */
export class HostAddresses {
  readonly #options: HostAddressesOptions
  readonly #found = new Map<string, { addresses: readonly string[]; until: Instant }>()

  constructor(options: HostAddressesOptions) {
    this.#options = options
  }

  /** Returns the addresses of a URL's host in the order to try them; empty if none is known. */
  async of(host: string, signal: AbortSignal): Promise<readonly string[]> {
    const literal = host.replace(/^\[(.*)\]$/, '$1')
    if (isIP(literal) !== 0) return [literal]
    const name = host.toLowerCase().replace(/\.$/, '')
    const { config, exchange, system, clock } = this.#options
    const known = config.bootstrap[name] ?? WELL_KNOWN[name]
    if (known !== undefined) return known
    const found = this.#found.get(name)
    if (found !== undefined && found.until > clock.now()) return found.addresses
    const serverName = (server: Endpoint) => system.serverName?.(server)
    const question = { servers: system.servers(), serverName, name, signal, timeoutMs: TIMEOUT_MS }
    const addresses = await lookUpHost(exchange, question)
    if (addresses.length === 0) return found?.addresses ?? []
    this.#found.delete(name)
    this.#found.set(name, { addresses, until: after(clock.now(), KEPT_FOR_MS) })
    for (const oldest of this.#found.keys()) {
      if (this.#found.size <= MAX_HOSTS) break
      this.#found.delete(oldest)
    }
    return addresses
  }
}

const TIMEOUT_MS = 1 * SECOND
const KEPT_FOR_MS = 5 * MINUTE
const MAX_HOSTS = 64
