import type { PeerId } from '../../../core/contract/tunnel-transport.ts'

/** A session that the lane has keys of. */
export interface LaneSession {
  readonly peer: PeerId
  /** WireGuard's. */
  readonly index: number
}

/** The sessions that a lane has keys of, by each name that they go by. There may be tens of thousands. */
export class LaneSessions {
  readonly #byHandle: (LaneSession | undefined)[] = []
  readonly #freeHandles: number[] = []
  /** The handle of each. */
  readonly #byIndex = new Map<number, number>()
  readonly #countOfPeer = new Map<PeerId, number>()

  /** By a handle that `add` gave, a small number that is used again. */
  at(handle: number): LaneSession | undefined {
    return this.#byHandle[handle]
  }

  /** The handle by WireGuard's index. */
  find(index: number | undefined): number | undefined {
    return index === undefined ? undefined : this.#byIndex.get(index)
  }

  hasAnyOf(peer: PeerId): boolean {
    return this.#countOfPeer.has(peer)
  }

  all(): LaneSession[] {
    return this.#byHandle.filter((session) => session !== undefined)
  }

  /** Its handle. There is none of this index. */
  add(session: LaneSession): number {
    const handle = this.#freeHandles.pop() ?? this.#byHandle.length
    this.#byHandle[handle] = session
    this.#byIndex.set(session.index, handle)
    this.#countOfPeer.set(session.peer, (this.#countOfPeer.get(session.peer) ?? 0) + 1)
    return handle
  }

  remove(index: number): LaneSession | undefined {
    const handle = this.#byIndex.get(index)
    const session = this.at(handle ?? -1)
    if (handle === undefined || session === undefined) return undefined
    this.#byIndex.delete(index)
    this.#byHandle[handle] = undefined
    this.#freeHandles.push(handle)
    const others = (this.#countOfPeer.get(session.peer) ?? 1) - 1
    if (others === 0) this.#countOfPeer.delete(session.peer)
    else this.#countOfPeer.set(session.peer, others)
    return session
  }
}
