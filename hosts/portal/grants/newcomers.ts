import { MultiMap } from '../decide/multi-map.ts'
import type { Connection } from './connections.ts'

/**
 * Maximum of connections of one peer that have not joined; a reconnecting peer may briefly have an old one beside the
 * new.
 */
const MAX_OF_ONE_PEER = 4

/** Connections whose peers have not joined yet. Bounded, because they cost sockets and are of no use. */
export class Newcomers {
  /** Connections by peer id, in the order in which they came. */
  readonly #ofPeer = new MultiMap<string, Connection>()

  /** Adds a connection. Returns the oldest one of the same peer, to be closed, if it now has too many. */
  add(connection: Connection): Connection | undefined {
    const { peerId } = connection
    this.#ofPeer.add(peerId, connection)
    const waiting = this.#ofPeer.get(peerId)
    if (waiting.size <= MAX_OF_ONE_PEER) return undefined
    const [oldest] = waiting
    if (oldest !== undefined) this.remove(oldest)
    return oldest
  }

  /** Removes a connection that has joined or closed. */
  remove(connection: Connection): void {
    this.#ofPeer.delete(connection.peerId, connection)
  }

  has(connection: Connection): boolean {
    return this.#ofPeer.get(connection.peerId).has(connection)
  }
}
