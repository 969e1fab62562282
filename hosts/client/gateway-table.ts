import type { RoundTrip } from '../../core/ice/path-in-use.ts'
import type { TunnelPath } from '../../core/runtime/path.ts'
import { after, HOUR, SECOND, type Instant } from '../../core/runtime/time.ts'

/** Gateway that serves this client, or that did until its path was lost. */
export interface KnownGateway {
  id: string
  /** Name of the gateway, if the portal tells it. */
  name: string | undefined
  /**
   * Whether the gateway answers DNS queries of all record types for its resources' names, instead of SRV and TXT only.
   */
  hasSiteRecords: boolean
  /** Public key in base64. It changes when the gateway restarts, which ends earlier grants. */
  publicKey: string
  ipv4: string
  ipv6: string
  path: TunnelPath | undefined
  /** Time of the latest handshake. */
  handshakeAt: Instant | undefined
  /** Time at which the path to it was lost, since when its resources wait for it or another gateway. */
  lostAt: Instant | undefined
  /** Time at which the portal last said that it has lost the gateway. */
  goneAt: Instant | undefined
  /**
   * Deadline for finding a path after this machine has moved; undefined if there is a path, or the search has failed.
   */
  soughtUntil: Instant | undefined
  /** Whether attempts to reach it have ended. It is used again if it is heard, or this machine has another network. */
  isResting: boolean
  /** Resources for which the gateway was granted. */
  readonly resourceIds: Set<string>
  /** Resources whose packets are sent to the gateway, as there is a path with a session. */
  readonly connectedResourceIds: Set<string>
}

/** Time for which a gateway that was not reached is reported to the portal as unreachable. */
const UNREACHABLE_MS = 60 * SECOND

/** Time for which a measured round trip is told to the portal. */
const MEASURED_MS = 1 * HOUR
/** Most gateways whose round trips are kept; the oldest measurements are forgotten. */
const MAX_MEASURED = 64

/** Gateways granted to this client, those not reached lately, and how far those are that were reached. */
export class GatewayTable {
  readonly #roundTripOf: (id: string) => RoundTrip | undefined
  readonly #gateways = new Map<string, KnownGateway>()
  readonly #unreachableUntil = new Map<string, Instant>()
  /** Latest round trips by gateway id, the oldest measurement first. Those of earlier gateways help to choose the next. */
  readonly #roundTrips = new Map<string, RoundTrip>()

  /** `roundTripOf` returns the latest round trip to a gateway. */
  constructor(roundTripOf: (id: string) => RoundTrip | undefined = () => undefined) {
    this.#roundTripOf = roundTripOf
  }

  get(id: string): KnownGateway | undefined {
    return this.#gateways.get(id)
  }

  all(): KnownGateway[] {
    return [...this.#gateways.values()]
  }

  /** Whether a gateway was granted for a resource and a path to it is still being sought. */
  isConnecting(resourceId: string): boolean {
    return this.all().some(
      ({ resourceIds, connectedResourceIds, lostAt }) =>
        lostAt === undefined && resourceIds.has(resourceId) && !connectedResourceIds.has(resourceId),
    )
  }

  /** Adds a gateway or updates a known one, and returns it. */
  put(told: Pick<KnownGateway, 'id' | 'name' | 'hasSiteRecords' | 'publicKey' | 'ipv4' | 'ipv6'>): KnownGateway {
    const known = this.#gateways.get(told.id)
    if (known !== undefined) return Object.assign(known, told)
    const gateway: KnownGateway = {
      ...told,
      path: undefined,
      handshakeAt: undefined,
      lostAt: undefined,
      soughtUntil: undefined,
      goneAt: undefined,
      isResting: false,
      resourceIds: new Set(),
      connectedResourceIds: new Set(),
    }
    this.#gateways.set(told.id, gateway)
    return gateway
  }

  remove(id: string): void {
    this.#noteRoundTrip(id)
    this.#gateways.delete(id)
  }

  /** Removes a resource from all gateways but one. Returns those that have no resource left. */
  withdraw(resourceId: string, exceptId?: string): KnownGateway[] {
    return this.all().filter((gateway) => {
      if (gateway.id === exceptId || !gateway.resourceIds.delete(resourceId)) return false
      gateway.connectedResourceIds.delete(resourceId)
      return gateway.resourceIds.size === 0
    })
  }

  /** Returns the round trips of the last hour by gateway id, those of earlier gateways too. */
  roundTrips(now: Instant): ReadonlyMap<string, RoundTrip> {
    for (const id of this.#gateways.keys()) this.#noteRoundTrip(id)
    for (const [id, { at }] of this.#roundTrips) if (now - at >= MEASURED_MS) this.#roundTrips.delete(id)
    return this.#roundTrips
  }

  foundDead(id: string, now: Instant): void {
    this.#unreachableUntil.set(id, after(now, UNREACHABLE_MS))
  }

  foundAlive(id: string): void {
    this.#unreachableUntil.delete(id)
  }

  /** Forgets which gateways were not reached. */
  forgetDead(): void {
    this.#unreachableUntil.clear()
  }

  /**
   * Forgets which gateways were not reached, but for the one found so last, if there are others. Returns whether there were
   * any.
   */
  forgetDeadButLast(): boolean {
    const known = [...this.#unreachableUntil]
    const last = Math.max(...known.map(([, until]) => until))
    for (const [id, until] of known) if (until < last) this.#unreachableUntil.delete(id)
    if (this.#unreachableUntil.size === known.length) this.#unreachableUntil.clear()
    return known.length > 0
  }

  /** Returns the ids of reached and of unreachable gateways for a request to the portal. */
  forRequest(now: Instant): { connected: string[]; unreachable: string[] } {
    for (const [id, until] of this.#unreachableUntil) if (until <= now) this.#unreachableUntil.delete(id)
    return {
      connected: this.all().flatMap(({ id, path, lostAt, soughtUntil }) =>
        lostAt !== undefined || (path === undefined && soughtUntil === undefined) ? [] : [id],
      ),
      unreachable: [...this.#unreachableUntil.keys()],
    }
  }

  #noteRoundTrip(id: string): void {
    const roundTrip = this.#roundTripOf(id)
    if (roundTrip === undefined || this.#roundTrips.get(id)?.at === roundTrip.at) return
    this.#roundTrips.delete(id)
    this.#roundTrips.set(id, roundTrip)
    const [oldest] = this.#roundTrips.keys()
    if (this.#roundTrips.size > MAX_MEASURED && oldest !== undefined) this.#roundTrips.delete(oldest)
  }
}
