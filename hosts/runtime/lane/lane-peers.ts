import type { PeerId } from '../../../core/contract/tunnel-transport.ts'
import type { LaneKeys, LaneTraffic } from '../../../core/flow/lane.ts'
import type { PeerNumbers } from '../../../core/flow/peer-numbers.ts'
import type { TunnelPath } from '../../../core/runtime/path.ts'
import type { Addon, Port, SealingLane } from '../native/addon.ts'
import { SOCKET_ADDRESS_WORDS } from '../socket-address.ts'
import { LaneSessions } from './lane-sessions.ts'
import { SessionTraffic } from './session-traffic.ts'

/** Puts the number of a relay's channel, or 0, into the upper half of a port's word. */
export const withChannel = (port: number, channel: number): number => (port | (channel << 16)) >>> 0

/**
 * Destination of encrypted messages: a socket of the address's family, and the address as `SOCKET_ADDRESS_WORDS` words,
 * the first `withChannel`.
 */
export interface Destination {
  socket: Port
  words: Uint32Array
}

/** Session that encrypts packets for a peer, with the destination of the messages. */
export interface Way {
  /** Handle of the session in `LanePeers.traffic`. */
  handle: number
  /** WireGuard's index of the session. */
  index: number
  socket: Port
  /** Table that contains the destination address, from `wordsAt` on. */
  words: Uint32Array
  wordsAt: number
}

export interface LanePeersOptions {
  addon: Pick<Addon, 'installKeys' | 'removeKeys'>
  lane: SealingLane
  numbers: PeerNumbers
  /** Returns the destination of a path; undefined if this machine lacks its address family. */
  resolve: (path: TunnelPath) => Destination | undefined
  /** Called with the unreported traffic of a session that is removed. */
  report: (traffic: LaneTraffic) => void
}

/**
 * Words of a peer's row: its sending session and destination, then the source address of its newest authentic message.
 */
const ROW = 16
const [SESSION, INDEX, SOCKET, DESTINATION, HEARD_FROM] = [0, 1, 2, 3, 3 + SOCKET_ADDRESS_WORDS] as const
/** Absent session or socket in a row; those present count from 1. */
const NONE = 0

/**
 * Peers of a lane and their sessions, in tables that packets index by peer number and session handle. The keys
 * themselves are in the native lane only.
 */
export class LanePeers {
  readonly traffic = new SessionTraffic()
  readonly #options: LanePeersOptions
  readonly #sessions = new LaneSessions()
  #rows = new Uint32Array(0)
  readonly #sockets: Port[] = []
  #way: Way | undefined

  constructor(options: LanePeersOptions) {
    this.#options = options
  }

  /** Carries out a command of the transport that installs, removes or selects keys. */
  take(command: Exclude<LaneKeys, { type: 'sealPacket' }>): void {
    switch (command.type) {
      case 'installKeys':
        return this.#install(command)
      case 'removeKeys':
        return this.#forget(command.index)
      case 'useKeys':
        return this.#use(command)
    }
  }

  /**
   * Returns session and destination for packets to a peer; undefined if it has no unexpired session or no path. The
   * result is reused by the next call.
   */
  wayTo(peer: number, now: number): Way | undefined {
    const at = peer * ROW
    const handle = (this.#rows[at + SESSION] ?? NONE) - 1
    const socket = this.#sockets[(this.#rows[at + SOCKET] ?? NONE) - 1]
    if (handle < 0 || socket === undefined || !this.traffic.maySeal(handle, now)) return undefined
    const way = (this.#way ??= { handle, index: 0, socket, words: this.#rows, wordsAt: 0 })
    way.handle = handle
    way.index = this.#rows[at + INDEX] ?? 0
    way.socket = socket
    way.words = this.#rows
    way.wordsAt = at + DESTINATION
    return way
  }

  /**
   * Records the source of a peer's newest authentic message: the address at `tableAt` of `table`, and the channel of a
   * relay there, or 0. Returns whether it has changed.
   */
  heardFrom(peer: number, table: Uint32Array, tableAt: number, channel: number): boolean {
    const rows = this.#rows
    const at = peer * ROW + HEARD_FROM
    let moved = false
    for (let word = 0; word < SOCKET_ADDRESS_WORDS; word++) {
      const value = word === 0 ? withChannel(table[tableAt] ?? 0, channel) : (table[tableAt + word] ?? 0)
      if (rows[at + word] === value) continue
      rows[at + word] = value
      moved = true
    }
    return moved
  }

  /**
   * Uses a session whose first authentic message has come through `socket`, and answers to where it came from, if its
   * peer has no session in use. The message confirms the session (WireGuard §5.4.6): its answer need not wait until the
   * transport has heard of it.
   */
  confirmed(handle: number, socket: Port): void {
    const session = this.#sessions.at(handle)
    const at = this.traffic.peerOf(handle) * ROW
    if (session === undefined || at < 0 || this.#rows[at + SESSION] !== NONE) return
    this.#rows[at + SESSION] = handle + 1
    this.#rows[at + INDEX] = session.index
    this.#rows[at + SOCKET] = this.#numberOf(socket)
    this.#rows.copyWithin(at + DESTINATION, at + HEARD_FROM, at + HEARD_FROM + SOCKET_ADDRESS_WORDS)
  }

  /** Returns a session's traffic since the last report, and resets it; undefined if there was none. */
  takeReport(handle: number): LaneTraffic | undefined {
    const session = this.#sessions.at(handle)
    const traffic = session === undefined ? undefined : this.traffic.take(handle)
    if (session === undefined || traffic === undefined) return undefined
    return { peer: session.peer, index: session.index, ...traffic }
  }

  /** Removes all keys from the native lane, which overwrites them. */
  clear(): void {
    const { addon, lane } = this.#options
    for (const { index } of this.#sessions.all()) addon.removeKeys(lane, index)
  }

  #install({ peer: id, keys }: Extract<LaneKeys, { type: 'installKeys' }>): void {
    const { addon, lane, numbers } = this.#options
    const { index, remoteIndex, sendKey, receiveKey, expiresAt } = keys
    this.#forget(index)
    const peer = this.#sessions.hasAnyOf(id) ? numbers.find(id) : this.#begin(id)
    const handle = this.#sessions.add({ peer: id, index })
    this.traffic.begin(handle, { peer: peer ?? 0, expiresAt })
    addon.installKeys(lane, new Uint32Array([index, remoteIndex, handle]), sendKey, receiveKey, expiresAt)
    sendKey.fill(0)
    receiveKey.fill(0)
  }

  /** Holds a peer's number, for as long as the peer has keys, and clears its row. */
  #begin(id: PeerId): number {
    const peer = this.#options.numbers.hold(id)
    if (peer * ROW >= this.#rows.length) {
      const before = this.#rows
      this.#rows = new Uint32Array(Math.max(2 * before.length, (peer + 64) * ROW))
      this.#rows.set(before)
    }
    this.#rows.fill(0, peer * ROW, (peer + 1) * ROW)
    return peer
  }

  #use({ peer: id, index, path }: Extract<LaneKeys, { type: 'useKeys' }>): void {
    const peer = this.#sessions.hasAnyOf(id) ? this.#options.numbers.find(id) : undefined
    if (peer === undefined) return
    const at = peer * ROW
    const handle = this.#sessions.find(index)
    const destination = path === undefined ? undefined : this.#options.resolve(path)
    this.#rows[at + SESSION] = handle === undefined ? NONE : handle + 1
    this.#rows[at + INDEX] = index ?? 0
    this.#rows[at + SOCKET] = destination === undefined ? NONE : this.#numberOf(destination.socket)
    if (destination !== undefined) this.#rows.set(destination.words, at + DESTINATION)
  }

  #forget(index: number): void {
    const { addon, lane, numbers, report } = this.#options
    addon.removeKeys(lane, index)
    const handle = this.#sessions.find(index)
    if (handle === undefined) return
    const last = this.takeReport(handle)
    if (last !== undefined) report(last)
    const session = this.#sessions.remove(index)
    const peer = this.traffic.peerOf(handle)
    this.traffic.end(handle)
    if (this.#rows[peer * ROW + SESSION] === handle + 1) this.#rows[peer * ROW + SESSION] = NONE
    if (session === undefined || this.#sessions.hasAnyOf(session.peer)) return
    // A peer without keys gives its number back; `installKeys` holds one again.
    this.#rows.fill(0, peer * ROW, (peer + 1) * ROW)
    numbers.release(peer)
  }

  #numberOf(socket: Port): number {
    if (!this.#sockets.includes(socket)) this.#sockets.push(socket)
    return this.#sockets.indexOf(socket) + 1
  }
}
