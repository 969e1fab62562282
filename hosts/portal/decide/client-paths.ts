import type { IndirectReason, PathKind } from '../../../core/ice/path-kind.ts'
import { PATH_KINDS } from '../../../core/ice/path-kind.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'

/** Path from a client to a gateway, as either end last reported it. */
export interface ClientPath {
  gatewayId: string
  /** Kind of the path; `none` where the gateway is not reached. */
  kind: PathKind | 'none'
  /** Endpoint or address of the relay that carries the packets. */
  relay: string | undefined
  /** Reason why a relay does, as the end sees it that reported it. */
  why: IndirectReason | undefined
  roundTripMs: number | undefined
  /** Checks of the path that were lost, of the latest. */
  loss: { lost: number; of: number } | undefined
  /** Time of the report. */
  at: UnixTime
  reportedBy: 'client' | 'gateway'
}

/** Number of clients by the kind of their path. */
export type PathCounts = Record<ClientPath['kind'], number>

/** Reports of both ends about one path. */
interface Pair {
  client?: ClientPath
  gateway?: ClientPath
}

/**
 * Paths between clients and gateways, as they last reported them: of both ends' reports of a path the client's counts. Nothing
 * is kept of a peer that has left.
 */
export class ClientPaths {
  /** Connections whose reports are kept, by the peer's id. */
  readonly #connections = new Map<string, string>()
  readonly #gateways = new Map<string, Map<string, Pair>>()
  readonly #clients = new Map<string, Map<string, Pair>>()

  /** Replaces the paths that a client has reported. */
  reportedByClient(
    { clientId, connection }: { clientId: string; connection: string },
    paths: readonly ClientPath[],
  ): void {
    this.#connections.set(clientId, connection)
    for (const gatewayId of this.#clients.get(clientId)?.keys() ?? []) this.#set({ clientId, gatewayId }, 'client')
    for (const path of paths) this.#set({ clientId, gatewayId: path.gatewayId }, 'client', path)
  }

  /** Replaces what a gateway has reported of some clients; undefined for one to which it has no path. */
  reportedByGateway(
    { gatewayId, connection }: { gatewayId: string; connection: string },
    paths: ReadonlyMap<string, ClientPath | undefined>,
  ): void {
    if (this.#connections.get(gatewayId) !== connection) this.#forgetGateway(gatewayId)
    this.#connections.set(gatewayId, connection)
    for (const [clientId, path] of paths) this.#set({ clientId, gatewayId }, 'gateway', path)
  }

  /** Forgets what a client or gateway has reported over a connection. */
  left(peerId: string, connection: string): void {
    if (this.#connections.get(peerId) !== connection) return
    this.#connections.delete(peerId)
    for (const gatewayId of this.#clients.get(peerId)?.keys() ?? []) {
      this.#set({ clientId: peerId, gatewayId }, 'client')
    }
    this.#forgetGateway(peerId)
  }

  ofClient(clientId: string): readonly ClientPath[] {
    return [...(this.#clients.get(clientId)?.values() ?? [])].flatMap((pair) => pathOf(pair) ?? [])
  }

  /** Counts the clients whose path to a gateway is known. */
  onGateway(gatewayId: string): Readonly<PathCounts> {
    const counts = noPaths()
    for (const pair of this.#gateways.get(gatewayId)?.values() ?? []) {
      const path = pathOf(pair)
      if (path !== undefined) counts[path.kind]++
    }
    return counts
  }

  /** Counts the paths of all clients. */
  counts(): PathCounts {
    const sum = noPaths()
    for (const gatewayId of this.#gateways.keys()) {
      const counts = this.onGateway(gatewayId)
      for (const kind of KINDS) sum[kind] += counts[kind]
    }
    return sum
  }

  #forgetGateway(gatewayId: string): void {
    for (const clientId of this.#gateways.get(gatewayId)?.keys() ?? []) this.#set({ clientId, gatewayId }, 'gateway')
  }

  /** Sets what one end says of a path, or that it says nothing. */
  #set(ends: { clientId: string; gatewayId: string }, by: keyof Pair, path?: ClientPath): void {
    const { clientId, gatewayId } = ends
    const known = this.#clients.get(clientId)?.get(gatewayId)
    const { [by]: _, ...rest } = known ?? {}
    const pair: Pair = path === undefined ? rest : { ...rest, [by]: path }
    if (pathOf(pair) === undefined) {
      remove(this.#clients, clientId, gatewayId)
      remove(this.#gateways, gatewayId, clientId)
    } else {
      put(this.#clients, [clientId, gatewayId], pair)
      put(this.#gateways, [gatewayId, clientId], pair)
    }
  }
}

const KINDS = [...PATH_KINDS, 'none'] as const

const noPaths = (): PathCounts => ({ direct: 0, nat: 0, relayed: 0, websocket: 0, none: 0 })

const pathOf = ({ client, gateway }: Pair): ClientPath | undefined => client ?? gateway

type Pairs = Map<string, Map<string, Pair>>

const put = (pairs: Pairs, [one, other]: [string, string], pair: Pair): void =>
  void pairs.set(one, (pairs.get(one) ?? new Map<string, Pair>()).set(other, pair))

const remove = (pairs: Pairs, one: string, other: string): void => {
  const ofOne = pairs.get(one)
  ofOne?.delete(other)
  if (ofOne?.size === 0) pairs.delete(one)
}
