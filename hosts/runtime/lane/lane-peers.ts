import type { PeerId, TunnelKeysOutput } from '../../../core/contract/tunnel-transport.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import type { Addon, SealingLane } from '../native/addon.ts'
import { SOCKET_ADDRESS_WORDS } from '../socket-address.ts'
import type { Destination } from './frame-sealer.ts'
import { LaneSessions } from './lane-sessions.ts'
import { LaneSession } from './session-traffic.ts'

export interface LanePeer {
  /** What is sealed with. */
  session: LaneSession | undefined
  destination: Destination | undefined
  /** Where its newest authentic message came from. */
  heardFrom: Uint32Array
}

/** What seals for a peer, and where that goes. */
export interface Way {
  session: LaneSession
  destination: Destination
}

/** The peers of a lane and their sessions. Keys themselves are only in the native lane, beside each session's handle. */
export class LanePeers {
  readonly #addon: Addon
  readonly #lane: SealingLane
  readonly #resolve: (path: Endpoint) => Destination | undefined
  readonly #peers = new Map<PeerId, LanePeer>()
  readonly #sessions = new LaneSessions()

  /** `resolve` says how a path is reached. */
  constructor(options: { addon: Addon; lane: SealingLane; resolve: (path: Endpoint) => Destination | undefined }) {
    this.#addon = options.addon
    this.#lane = options.lane
    this.#resolve = options.resolve
  }

  take(command: Exclude<TunnelKeysOutput, { type: 'sealPacket' }>): void {
    switch (command.type) {
      case 'installKeys':
        return this.#install(command)
      case 'removeKeys':
        return this.#forget(command.index, command.peer)
      case 'useKeys': {
        const peer = this.#peers.get(command.peer)
        if (peer === undefined) return
        peer.session = this.#sessions.find(command.index)
        peer.destination = command.path === undefined ? undefined : this.#resolve(command.path as Endpoint)
      }
    }
  }

  /** Undefined where the peer has no session that may seal, or no path. */
  wayTo(id: PeerId, now: Instant): Way | undefined {
    const peer = this.#peers.get(id)
    if (peer?.session === undefined || peer.destination === undefined || now >= peer.session.expiresAt) return undefined
    return peer as Way
  }

  session(handle: number): LaneSession | undefined {
    return this.#sessions.at(handle)
  }

  peer(id: PeerId): LanePeer | undefined {
    return this.#peers.get(id)
  }

  /** Overwrites all keys. */
  clear(): void {
    for (const { index } of this.#sessions.all()) this.#addon.removeKeys(this.#lane, index)
  }

  #install({ peer, keys }: Extract<TunnelKeysOutput, { type: 'installKeys' }>): void {
    const { index, remoteIndex, sendKey, receiveKey, expiresAt } = keys
    this.#forget(index)
    const handle = this.#sessions.add(new LaneSession(peer, index, expiresAt))
    this.#addon.installKeys(this.#lane, new Uint32Array([index, remoteIndex, handle]), sendKey, receiveKey, expiresAt)
    sendKey.fill(0)
    receiveKey.fill(0)
    if (this.#peers.has(peer)) return
    const heardFrom = new Uint32Array(SOCKET_ADDRESS_WORDS)
    this.#peers.set(peer, { session: undefined, destination: undefined, heardFrom })
  }

  #forget(index: number, peerId?: PeerId): void {
    this.#addon.removeKeys(this.#lane, index)
    const session = this.#sessions.remove(index)
    if (session === undefined) return
    const peer = this.#peers.get(session.peer)
    if (peer?.session === session) peer.session = undefined
    // A peer without keys is forgotten; the next keys bring it back.
    if (peerId !== undefined && !this.#sessions.hasAnyOf(peerId)) this.#peers.delete(peerId)
  }
}
