import { endpoint, type Endpoint, type Family } from '../../core/runtime/endpoint.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import { integerBelow, type Random } from '../../core/runtime/random.ts'
import type { Allocation } from '../../core/turn/allocation.ts'
import { errorCode } from './error-code.ts'
import type { RelayPort } from './relay-port.ts'

export interface RelayedPortsOptions {
  /** First and last port. */
  range: { first: number; last: number }
  random: Random
  logger: Logger
  /** Opens a UDP port of a family. @throws a system error, EADDRINUSE if it is taken */
  open: (family: Family, port: number) => RelayPort
  /** Called with each port once it is open, to receive what arrives there. */
  watch: (allocation: Allocation, port: RelayPort) => void
}

/** Ports that are tried for an allocation before the relay is out of them. */
const TRIES = 64
/** Port that gateways and clients prefer (`udp_port`), which one on the same machine shall find free. */
const TUNNEL_PORT = 52_625

/** Relayed ports of a relay, one of each family of an allocation. */
export class RelayedPorts {
  readonly #options: RelayedPortsOptions
  readonly #ports = new Map<Allocation, Map<Family, RelayPort>>()
  readonly #warned = new Set<string>()
  #droppedBefore = 0

  constructor(options: RelayedPortsOptions) {
    this.#options = options
  }

  /** Number of datagrams that ports have dropped for newer ones. */
  get dropped(): number {
    let sum = this.#droppedBefore
    for (const ports of this.#ports.values()) for (const { dropped } of ports.values()) sum += dropped
    return sum
  }

  of(allocation: Allocation, family: Family): RelayPort | undefined {
    return this.#ports.get(allocation)?.get(family)
  }

  /** Whether an allocation has a port. */
  has(allocation: Allocation): boolean {
    return this.#ports.has(allocation)
  }

  familyOf(allocation: Allocation, port: RelayPort): Family | undefined {
    for (const [family, each] of this.#ports.get(allocation) ?? []) if (each === port) return family
    return undefined
  }

  /**
   * Opens a port of an allocation, an even one if `isEven`, and returns the endpoint at `address`. Undefined if there is
   * none to be had.
   */
  open(
    allocation: Allocation,
    { family, address, isEven }: { family: Family; address: string; isEven: boolean },
  ): Endpoint | undefined {
    const { range, random, open, watch } = this.#options
    for (let tries = 0; tries < TRIES; tries++) {
      // Drawn at random, so that strangers do not guess them (RFC 6056).
      const port = range.first + integerBelow(random, range.last - range.first + 1)
      if ((isEven && port % 2 === 1) || port === TUNNEL_PORT) continue
      try {
        const opened = open(family, port)
        this.#ports.set(allocation, (this.#ports.get(allocation) ?? new Map<Family, RelayPort>()).set(family, opened))
        watch(allocation, opened)
        return endpoint(address, port)
      } catch (error) {
        if (errorCode(error) === 'EADDRINUSE') continue
        this.#warn(error, family)
        return undefined
      }
    }
    return undefined
  }

  close(allocation: Allocation, family: Family): void {
    const ports = this.#ports.get(allocation)
    const port = ports?.get(family)
    if (ports === undefined || port === undefined) return
    this.#droppedBefore += port.dropped
    port.close()
    ports.delete(family)
    if (ports.size === 0) this.#ports.delete(allocation)
  }

  /** Logs why no port can be opened, once for each reason: each client that asks would meet it. */
  #warn(error: unknown, family: Family): void {
    const reason = `${family} ${errorCode(error)}`
    if (this.#warned.has(reason)) return
    this.#warned.add(reason)
    this.#options.logger.warn({ error, family }, 'relayed ports cannot be opened: clients are answered 508')
  }
}
