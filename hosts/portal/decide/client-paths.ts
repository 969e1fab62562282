import type { IndirectReason, PathKind } from '../../../core/ice/path-kind.ts'
import { PATH_KINDS } from '../../../core/ice/path-kind.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'

/** Path from a client to a gateway, as the client last reported it. */
export interface ClientPath {
  gatewayId: string
  /** Kind of the path; `none` where the gateway is not reached. */
  kind: PathKind | 'none'
  /** Endpoint or address of the relay that carries the packets. */
  relay: string | undefined
  /** Reason why a relay does. */
  why: IndirectReason | undefined
  roundTripMs: number | undefined
  /** Checks of the path that were lost, of the latest. */
  loss: { lost: number; of: number } | undefined
  /** Time of the report. */
  at: UnixTime
}

/** Number of clients by the kind of their path. */
export type PathCounts = Record<ClientPath['kind'], number>

/** Paths of the connected clients, as they last reported them. Nothing is kept of a client that has left. */
export class ClientPaths {
  readonly #clients = new Map<string, { connection: string; paths: readonly ClientPath[] }>()
  readonly #counts = new Map<string, PathCounts>()

  /** Replaces the paths of a client. */
  reported({ clientId, connection }: { clientId: string; connection: string }, paths: readonly ClientPath[]): void {
    this.#forget(clientId)
    if (paths.length === 0) return
    this.#clients.set(clientId, { connection, paths })
    for (const { gatewayId, kind } of paths) {
      const counts = this.#counts.get(gatewayId) ?? noPaths()
      counts[kind]++
      this.#counts.set(gatewayId, counts)
    }
  }

  /** Forgets the paths that came over a connection. */
  left(clientId: string, connection: string): void {
    if (this.#clients.get(clientId)?.connection === connection) this.#forget(clientId)
  }

  ofClient(clientId: string): readonly ClientPath[] {
    return this.#clients.get(clientId)?.paths ?? []
  }

  /** Counts the clients that reported a path to a gateway. */
  onGateway(gatewayId: string): Readonly<PathCounts> {
    return this.#counts.get(gatewayId) ?? noPaths()
  }

  /** Counts the paths of all clients. */
  counts(): PathCounts {
    const sum = noPaths()
    for (const counts of this.#counts.values()) for (const kind of KINDS) sum[kind] += counts[kind]
    return sum
  }

  #forget(clientId: string): void {
    const known = this.#clients.get(clientId)
    if (known === undefined) return
    this.#clients.delete(clientId)
    for (const { gatewayId, kind } of known.paths) {
      const counts = this.#counts.get(gatewayId)
      if (counts === undefined) continue
      counts[kind]--
      if (KINDS.every((each) => counts[each] === 0)) this.#counts.delete(gatewayId)
    }
  }
}

const KINDS = [...PATH_KINDS, 'none'] as const

const noPaths = (): PathCounts => ({ direct: 0, nat: 0, relayed: 0, websocket: 0, none: 0 })
