import type { PeerId } from '../../../core/contract/tunnel-transport.ts'
import type { LaneSession } from './session-traffic.ts'

/** The sessions that a lane has keys of, by each name that they go by. There may be tens of thousands. */
export class LaneSessions {
  readonly #byHandle: (LaneSession | undefined)[] = []
  readonly #freeHandles: number[] = []
  /** With the handle of each. */
  readonly #byIndex = new Map<number, { session: LaneSession; handle: number }>()
  readonly #countOfPeer = new Map<PeerId, number>()

  /** By a handle that `add` gave, a small number that is used again. */
  at(handle: number): LaneSession | undefined {
    return this.#byHandle[handle]
  }

  /** By WireGuard's index. */
  find(index: number | undefined): LaneSession | undefined {
    return index === undefined ? undefined : this.#byIndex.get(index)?.session
  }

  hasAnyOf(peer: PeerId): boolean {
    return this.#countOfPeer.has(peer)
  }

  all(): LaneSession[] {
    return [...this.#byIndex.values()].map(({ session }) => session)
  }

  /** Its handle. There is none of this index. */
  add(session: LaneSession): number {
    const handle = this.#freeHandles.pop() ?? this.#byHandle.length
    this.#byHandle[handle] = session
    this.#byIndex.set(session.index, { session, handle })
    this.#countOfPeer.set(session.peer, (this.#countOfPeer.get(session.peer) ?? 0) + 1)
    return handle
  }

  remove(index: number): LaneSession | undefined {
    const held = this.#byIndex.get(index)
    if (held === undefined) return undefined
    const { session, handle } = held
    this.#byIndex.delete(index)
    this.#byHandle[handle] = undefined
    this.#freeHandles.push(handle)
    const others = (this.#countOfPeer.get(session.peer) ?? 1) - 1
    if (others === 0) this.#countOfPeer.delete(session.peer)
    else this.#countOfPeer.set(session.peer, others)
    return session
  }
}
