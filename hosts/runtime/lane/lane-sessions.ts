import type { PeerId } from '../../../core/contract/tunnel-transport.ts'

/** WireGuard session whose keys the lane has. */
export interface LaneSession {
  readonly peer: PeerId
  /** WireGuard's index of the session. */
  readonly index: number
}

/**
 * Sessions whose keys a lane has, by handle, by WireGuard index and counted by peer. There may be tens of thousands.
 */
export class LaneSessions {
  readonly #byHandle: (LaneSession | undefined)[] = []
  readonly #freeHandles: number[] = []
  readonly #byIndex = new Map<number, number>()
  readonly #countOfPeer = new Map<PeerId, number>()

  /** Returns the session of a handle that `add` returned. */
  at(handle: number): LaneSession | undefined {
    return this.#byHandle[handle]
  }

  /** Returns the handle of a WireGuard index, if the lane has its keys. */
  find(index: number | undefined): number | undefined {
    return index === undefined ? undefined : this.#byIndex.get(index)
  }

  hasAnyOf(peer: PeerId): boolean {
    return this.#countOfPeer.has(peer)
  }

  all(): LaneSession[] {
    return this.#byHandle.filter((session) => session !== undefined)
  }

  /** Adds a session and returns its handle, a small number that is reused after `remove`. The index must be new. */
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
