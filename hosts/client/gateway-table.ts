import type { Endpoint } from '../../core/runtime/endpoint.ts'
import { after, SECOND, type Instant } from '../../core/runtime/time.ts'

/** A gateway that serves this client, or did until its path died. */
export interface KnownGateway {
  id: string
  /** Where the portal says it. */
  name: string | undefined
  /** Whether it answers records of all types of its resources' names, and not SRV and TXT only. */
  hasSiteRecords: boolean
  /** Base64: another one is another process, which holds no grant of before. */
  publicKey: string
  ipv4: string
  ipv6: string
  path: Endpoint | undefined
  /** Of the latest handshake. */
  handshakeAt: Instant | undefined
  /** Was there a path, and is there none: its resources wait for it or for another gateway. */
  isLost: boolean
  /** Until when it is being looked for since this machine has moved; absent while there is a path, or none was found. */
  soughtUntil: Instant | undefined
  /** What it was granted for. */
  readonly resourceIds: Set<string>
  /** Those of them whose packets go to it: once there is a path with a session. */
  readonly connectedIds: Set<string>
}

/** How long the portal is told that a gateway was found dead. */
const UNREACHABLE_FOR_MS = 60 * SECOND

/** The gateways that this client was given, and which of them are dead. */
export class GatewayTable {
  readonly #gateways = new Map<string, KnownGateway>()
  readonly #unreachableUntil = new Map<string, Instant>()

  get(id: string): KnownGateway | undefined {
    return this.#gateways.get(id)
  }

  all(): KnownGateway[] {
    return [...this.#gateways.values()]
  }

  /** Whether a gateway was granted for a resource whose packets cannot go to it yet, and may soon. */
  isConnecting(resourceId: string): boolean {
    return this.all().some(
      ({ resourceIds, connectedIds, isLost }) =>
        !isLost && resourceIds.has(resourceId) && !connectedIds.has(resourceId),
    )
  }

  put(told: Pick<KnownGateway, 'id' | 'name' | 'hasSiteRecords' | 'publicKey' | 'ipv4' | 'ipv6'>): KnownGateway {
    const known = this.#gateways.get(told.id)
    if (known !== undefined) return Object.assign(known, told)
    const gateway: KnownGateway = {
      ...told,
      path: undefined,
      handshakeAt: undefined,
      isLost: false,
      soughtUntil: undefined,
      resourceIds: new Set(),
      connectedIds: new Set(),
    }
    this.#gateways.set(told.id, gateway)
    return gateway
  }

  remove(id: string): void {
    this.#gateways.delete(id)
  }

  /** Takes a resource from whoever had it, for another gateway or none. Returns those that serve nothing any more. */
  withdraw(resourceId: string, exceptId?: string): KnownGateway[] {
    return this.all().filter((gateway) => {
      if (gateway.id === exceptId || !gateway.resourceIds.delete(resourceId)) return false
      gateway.connectedIds.delete(resourceId)
      return gateway.resourceIds.size === 0
    })
  }

  foundDead(id: string, now: Instant): void {
    this.#unreachableUntil.set(id, after(now, UNREACHABLE_FOR_MS))
  }

  foundAlive(id: string): void {
    this.#unreachableUntil.delete(id)
  }

  /** Gives all of them another chance; whether there were any. */
  forgetDead(): boolean {
    const any = this.#unreachableUntil.size > 0
    this.#unreachableUntil.clear()
    return any
  }

  /** What a request for a resource tells the portal. */
  forRequest(now: Instant): { connected: string[]; unreachable: string[] } {
    for (const [id, until] of this.#unreachableUntil) if (until <= now) this.#unreachableUntil.delete(id)
    return {
      connected: this.all().flatMap(({ id, path, isLost, soughtUntil }) =>
        isLost || (path === undefined && soughtUntil === undefined) ? [] : [id],
      ),
      unreachable: [...this.#unreachableUntil.keys()],
    }
  }
}
