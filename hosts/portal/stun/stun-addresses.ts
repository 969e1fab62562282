import { whyNeverAServer } from '../../../core/net/never-a-server.ts'
import { parseAddress } from '../../../core/net/ip-address.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { after, MINUTE } from '../../../core/runtime/time.ts'

export interface StunAddressesOptions {
  /** Host of the portal's public URL, a name or an address. */
  host: string
  port: number
  /** Addresses from the configuration; they take the place of the host's. */
  advertised: readonly string[]
  /** Looks up all addresses of a host; returns an address as it is. */
  lookUp: (host: string) => Promise<string[]>
  clock: Clock
  logger: Logger
  /** Called with the server's endpoints, whenever they have changed. */
  changed: (servers: readonly Endpoint[]) => void
}

const LOOK_EVERY_MS = 5 * MINUTE
const LOOK_AGAIN_MS = 1 * MINUTE
/** Most endpoints that peers are told. */
const MAX_SERVERS = 8

/** Endpoints at which peers reach the STUN server. By default those of the public URL's host, looked up repeatedly. */
export class StunAddresses implements Startable {
  readonly #options: StunAddressesOptions
  #told = ''
  #warned = false
  #stopped = false
  #cancel: (() => void) | undefined

  constructor(options: StunAddressesOptions) {
    this.#options = options
  }

  /** Begins to look up, without waiting for the result: a slow name server must not hold up the portal. */
  start(): void {
    const { advertised } = this.#options
    if (advertised.length > 0) this.#tell(advertised)
    else void this.#look()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  async #look(): Promise<void> {
    const { host, lookUp, clock } = this.#options
    const found = await lookUp(host).catch((error: unknown) => error)
    if (this.#stopped) return
    const addresses = Array.isArray(found) ? (found as string[]).filter(isReachable) : []
    if (addresses.length > 0) this.#tell(addresses)
    else this.#warn(found)
    const delayMs = addresses.length > 0 ? LOOK_EVERY_MS : LOOK_AGAIN_MS
    this.#cancel = clock.wake(after(clock.now(), delayMs), () => void this.#look())
  }

  #tell(addresses: readonly string[]): void {
    const { port, changed } = this.#options
    // Sorted, as name servers rotate their answers.
    const servers = [...new Set(addresses)]
      .toSorted()
      .slice(0, MAX_SERVERS)
      .map((address) => endpoint(address, port))
    if (servers.join() === this.#told) return
    this.#told = servers.join()
    changed(servers)
  }

  #warn(found: unknown): void {
    if (this.#warned) return
    this.#warned = true
    const { host, logger } = this.#options
    const fields = Array.isArray(found) ? { host, addresses: found } : { host, error: found }
    logger.warn(
      fields,
      'peers are not told of the STUN server: the host of public_url has no address here that others reach; set stun.advertised_addresses',
    )
  }
}

/** Whether other machines may reach an address: neither loopback nor link-local, nor any other that is no server's. */
const isReachable = (address: string): boolean => {
  const bytes = parseAddress(address)
  return bytes !== undefined && whyNeverAServer(bytes) === undefined
}
