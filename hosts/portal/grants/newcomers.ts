import { MultiMap } from '../decide/multi-map.ts'
import type { Connection } from './connections.ts'

/** Connections of one peer that have not joined: a peer that comes back makes one, and its old one may be there for a while. */
const MAX_OF_ONE_PEER = 4

/** Connections whose peers have not joined yet: they cost sockets and are of no use. */
export class Newcomers {
  /** In the order in which they came. */
  readonly #ofPeer = new MultiMap<string, Connection>()

  /** @returns the oldest of the peer where it has too many by now. */
  add(connection: Connection): Connection | undefined {
    const { peerId } = connection
    this.#ofPeer.add(peerId, connection)
    const waiting = this.#ofPeer.get(peerId)
    if (waiting.size <= MAX_OF_ONE_PEER) return undefined
    const [oldest] = waiting
    if (oldest !== undefined) this.remove(oldest)
    return oldest
  }

  /** It has joined, or is gone. */
  remove(connection: Connection): void {
    this.#ofPeer.delete(connection.peerId, connection)
  }

  has(connection: Connection): boolean {
    return this.#ofPeer.get(connection.peerId).has(connection)
  }
}
