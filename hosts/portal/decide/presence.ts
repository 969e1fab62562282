import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Product } from './product.ts'

/** A gateway that is connected, and therefore healthy as far as the portal can know. */
export interface PresentGateway {
  id: string
  siteId: string
  name: string
  version: string
  product: Product
  /** Key of the tunnel transport with which the gateway carries packets. */
  transport: string
  /** Address from which it reaches the portal: canonical text without a port. */
  remoteIp: string
  /** Time at which it joined. */
  since: UnixTime
  /** Load of its machine, as it last reported; absent until then. */
  load?: GatewayLoad
  /** Problems that keep its machine from forwarding, as it last reported; absent if there are none. */
  problems?: readonly GatewayProblem[]
  /**
   * Whether such problems were there until a moment ago and had its clients moved: another gateway is preferred. Absent
   * if not.
   */
  isRecovering?: true
  /** Whether it heeds address ranges of the account's own; absent if not, or until it says so. */
  heedsRanges?: true
}

/** Problem that keeps a gateway's machine from forwarding. */
export interface GatewayProblem {
  code: string
  /** Description, a clause, as the gateway words it. */
  said: string
}

/** Load of a gateway's machine, as it reports it. */
export interface GatewayLoad {
  /** Share of the processors in use, from 0 to 1. */
  processorShare: number | undefined
  bytesPerSecond: number | undefined
  /** Time of the report. */
  at: UnixTime
}

/** Load and problems of a gateway's machine, as the gateway last reported them. */
export interface GatewayMachine {
  load: GatewayLoad | undefined
  /** Problems for which no client is given this gateway. */
  problems: readonly GatewayProblem[]
}

/**
 * Registry of the clients and gateways that have joined, each with its connection. Does not decide whether a newcomer
 * replaces a connection: that is decided when it connects (`Seats`). Here a client's newest connection counts, and a
 * gateway's first one until it has left.
 */
export class Presence {
  readonly #clients = new Map<string, string>()
  readonly #gateways = new Map<string, { connection: string; gateway: PresentGateway }>()
  readonly #sites = new Map<string, Map<string, PresentGateway>>()
  readonly #changed: (peerId: string) => void

  /** `changed` hears of each peer that came or left, and of each gateway whose problems are others than before. */
  constructor(changed: (peerId: string) => void = () => undefined) {
    this.#changed = changed
  }

  /** Returns the ids of all connected clients and gateways, of all accounts. */
  connectedIds(): readonly string[] {
    return [...this.#clients.keys(), ...this.#gateways.keys()]
  }

  clientJoined(id: string, connection: string): void {
    this.#clients.set(id, connection)
    this.#changed(id)
  }

  gatewayJoined(gateway: PresentGateway, connection: string): void {
    const before = this.#gateways.get(gateway.id)
    if (before !== undefined && before.connection !== connection) return
    this.#forget(gateway.id)
    this.#gateways.set(gateway.id, { connection, gateway })
    const site = this.#sites.get(gateway.siteId) ?? new Map<string, PresentGateway>()
    this.#sites.set(gateway.siteId, site.set(gateway.id, gateway))
    this.#changed(gateway.id)
  }

  /** Notes what a connected gateway reports of its load. */
  loadReported(gatewayId: string, load: GatewayLoad): void {
    const gateway = this.gateway(gatewayId)
    if (gateway !== undefined) gateway.load = load
  }

  /** Notes what a connected gateway reports of its machine. Returns the gateway if it may be chosen again. */
  problemsReported(gatewayId: string, problems: readonly GatewayProblem[]): PresentGateway | undefined {
    const gateway = this.gateway(gatewayId)
    if (gateway === undefined) return undefined
    if (codes(gateway.problems) !== codes(problems)) this.#changed(gatewayId)
    delete gateway.problems
    if (problems.length === 0) return gateway
    gateway.problems = problems
    return undefined
  }

  /** Notes that a connected gateway heeds address ranges of the account's own. Returns the gateway. */
  rangesHeeded(gatewayId: string): PresentGateway | undefined {
    const gateway = this.gateway(gatewayId)
    if (gateway !== undefined) gateway.heedsRanges = true
    return gateway
  }

  /** Removes a client or gateway, unless another connection has replaced this one. Returns whether it did. */
  left(id: string, connection: string): boolean {
    const isHere = this.#clients.get(id) === connection || this.#gateways.get(id)?.connection === connection
    if (!isHere) return false
    this.#clients.delete(id)
    this.#forget(id)
    this.#changed(id)
    return true
  }

  clientConnection(id: string): string | undefined {
    return this.#clients.get(id)
  }

  gatewayConnection(id: string): string | undefined {
    return this.#gateways.get(id)?.connection
  }

  gateway(id: string): PresentGateway | undefined {
    return this.#gateways.get(id)?.gateway
  }

  /** Returns the connected gateways of a site, in no particular order. */
  gatewaysOf(siteId: string): PresentGateway[] {
    return [...(this.#sites.get(siteId)?.values() ?? [])]
  }

  /** Iterates over the connected gateways of all sites. */
  *gateways(): IterableIterator<PresentGateway> {
    for (const { gateway } of this.#gateways.values()) yield gateway
  }

  counts(): { clients: number; gateways: number } {
    return { clients: this.#clients.size, gateways: this.#gateways.size }
  }

  #forget(id: string): boolean {
    const entry = this.#gateways.get(id)
    if (entry === undefined) return false
    this.#gateways.delete(id)
    const site = this.#sites.get(entry.gateway.siteId)
    site?.delete(id)
    if (site?.size === 0) this.#sites.delete(entry.gateway.siteId)
    return true
  }
}

const codes = (problems: readonly GatewayProblem[] = []): string => problems.map(({ code }) => code).join()
