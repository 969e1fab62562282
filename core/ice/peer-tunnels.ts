import type { PeerId, Tunnel, TunnelInput, TunnelKeysOutput } from '../contract/tunnel-transport.ts'
import { equalSecrets } from '../crypto/equal-secrets.ts'
import type { Endpoint } from '../runtime/endpoint.ts'
import { HeldMachines, type Tell } from '../runtime/held-machines.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { DEFAULT_MTU, MIN_MTU } from '../runtime/mtu.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { TunnelPath } from '../runtime/path.ts'
import type { Random } from '../runtime/random.ts'
import { after, type Instant } from '../runtime/time.ts'
import type { IceRole } from './connectivity-check.ts'
import { GuardedTunnel, type GuardedTunnelOutput, type TransportTrouble } from './guarded-tunnel.ts'
import { KeptPackets } from './kept-packets.ts'
import type { RoundTrip } from './path-in-use.ts'
import { IceAgents, type IceAgentsInput, type IceAgentsOutput } from './ice-agents.ts'
import { PacketView } from '../net/packet-view.ts'
import type { PeerSecrets, PeerTunnelsInput, PeerTunnelsOutput } from './peer-tunnels-messages.ts'
import { looksLikeStun } from '../stun/stun-message.ts'
import type { PathStatus } from './path-status.ts'
import type { RelayedPaths } from './relayed-paths.ts'

export interface PeerTunnelsOptions {
  role: IceRole
  random: Random
  tunnel: Tunnel
  /** MTU of the TUN device in bytes, the largest size of packets; 1280 by default. */
  mtu?: number | undefined
  /** Paths over this machine's allocations at relays; none by default. */
  relayed?: RelayedPaths | undefined
  /** Tells whether UDP counts as blocked, so that a silent direct path is left soon; never by default. */
  isUdpBlocked?: (() => boolean) | undefined
}

/**
 * MTUs in bytes to probe beside the device's own: for Ethernet and PPPoE, a cloud's overlay network, another tunnel on
 * the way. Multiples of 16, to which encrypted packets are padded.
 */
const MTUS = [DEFAULT_MTU, 1_376, 1_328]

/** Use of a tunnel since its peer was added, for people; what has not happened yet is absent. */
export interface PeerUse {
  /** Bytes of packets sent. */
  sentBytes?: number
  /** Bytes of packets received. */
  receivedBytes?: number
  /** Time of the latest handshake. */
  handshakeAt?: Instant
  /** Time at which the path was lost; absent while there is one. */
  lostAt?: Instant
}

/** A peer that was added. */
interface KnownPeer extends PeerSecrets, PeerUse {
  heardAt?: Instant
  spokeAt?: Instant
  /** Whether the transport plugin may not know the peer, because its `peerAdded` failed. */
  isUntold?: boolean
  /** Paths on which a handshake was begun before one was found. */
  tried?: Set<TunnelPath>
  /** Keys that the lane uses for the peer, and the path that it sends to, as last told. */
  used?: (TunnelKeysOutput<TunnelPath> & { type: 'useKeys' }) | undefined
  /** Packets that came while there was no path; absent if none has. */
  kept?: KeptPackets
  /** Whether the session is to be renewed with the next path: the peer was away for long. */
  mustRenew?: boolean
}

/** Shortest interval of `trafficSeen` to the ICE agents, which need not know of every packet. */
const TRAFFIC_GRANULARITY_MS = 100

/**
 * Tunnels to all peers, over paths that ICE finds and watches. Datagrams of a socket are dispatched to the ICE agents
 * or the tunnel transport.
 */
export class PeerTunnels implements Machine<PeerTunnelsInput, PeerTunnelsOutput> {
  readonly #role: IceRole
  readonly #tunnel: GuardedTunnel
  readonly #agents: IceAgents
  readonly #held = new HeldMachines()
  readonly #tellAgents: Tell<IceAgentsInput>
  readonly #tellTunnel: Tell<TunnelInput>
  readonly #peers = new Map<PeerId, KnownPeer>()
  /** MTU in bytes by the size of the datagram that carries such a packet. */
  readonly #mtus: ReadonlyMap<number, number>
  readonly #outputs = new OutputQueue<PeerTunnelsOutput>()
  readonly #packet = new PacketView()

  constructor({ role, random, tunnel, mtu = MIN_MTU, relayed, isUdpBlocked }: PeerTunnelsOptions) {
    this.#role = role
    this.#tunnel = new GuardedTunnel(tunnel)
    this.#mtus = mtusByDatagram(this.#tunnel, mtu)
    this.#agents = new IceAgents({ role, random, probes: [...this.#mtus.keys()], relayed, isUdpBlocked })
    this.#tellAgents = this.#held.hold(this.#agents, (output, now) => this.#onAgent(output, now))
    this.#tellTunnel = this.#held.hold(this.#tunnel, (output, now) => this.#onTunnel(output, now))
  }

  path(peer: PeerId): TunnelPath | undefined {
    return this.#agents.path(peer)
  }

  /** Returns the path in use to a peer, for people; undefined if there is none. */
  pathStatus(peer: PeerId): PathStatus | undefined {
    return this.#agents.pathStatus(peer)
  }

  /** Returns the endpoints that a peer has offered, without those at relays. */
  offered(peer: PeerId): readonly Endpoint[] {
    return this.#agents.offered(peer)
  }

  /** Returns the use of the tunnel to a peer; undefined for an unknown one. */
  use(peer: PeerId): Readonly<PeerUse> | undefined {
    return this.#peers.get(peer)
  }

  /**
   * Returns the path MTU to a peer in bytes: 1280 until a larger one is confirmed (T10), and again after the path is
   * lost.
   */
  mtu(peer: PeerId): number {
    return this.#mtus.get(this.#agents.carries(peer) ?? 0) ?? MIN_MTU
  }

  /** Returns the latest round trip to a peer; undefined until one is measured. */
  roundTrip(peer: PeerId): RoundTrip | undefined {
    return this.#agents.roundTrip(peer)
  }

  /** Why the transport plugin cannot carry packets; undefined while it works. */
  get trouble(): TransportTrouble | undefined {
    return this.#tunnel.trouble
  }

  /** Returns the number of drops by reason. */
  counters(): Readonly<Record<string, number>> {
    const sum: Record<string, number> = { ...this.#agents.counters() }
    for (const [reason, count] of Object.entries(this.#tunnel.counters())) sum[reason] = (sum[reason] ?? 0) + count
    return sum
  }

  handle(input: PeerTunnelsInput, now: Instant): void {
    switch (input.type) {
      case 'peerAdded':
        return this.#add(input, now)
      case 'peerRemoved':
        return this.#remove(input.peer, now)
      case 'localCandidatesChanged':
      case 'networkChanged':
      case 'networkAnswered':
      case 'remoteCandidatesRemoved':
        return this.#tellAgents(input, now)
      case 'remoteCandidatesAdded':
        this.#tellAgents(input, now)
        return this.#tryHandshake(input.peer, now)
      case 'peerDoubted':
        if (this.#peers.has(input.peer)) this.#tellAgents(input, now)
        return
      case 'pathQuestioned':
        if (this.#peers.has(input.peer)) this.#tellAgents({ type: 'trafficSeen', peer: input.peer }, now)
        return
      case 'packetQueued':
        this.#noteSpoken(input.peer, now)
        this.#count(input.peer, { sent: input.packet.length })
        return this.#isKept(input, now) ? undefined : this.#tellTunnel(input, now)
      case 'trafficSeen':
        this.#count(input.peer, { sent: input.sent.bytes, received: input.received.bytes })
        if (input.sent.packets > 0) this.#noteSpoken(input.peer, now)
        if (input.received.packets > 0 && input.path !== undefined) this.#noteHeard(input.peer, input.path, now)
        return this.#tellTunnel(input, now)
      case 'datagramReceived':
        return looksLikeStun(input.datagram) ? this.#tellAgents(input, now) : this.#tellTunnel(input, now)
    }
  }

  wake(now: Instant): void {
    this.#held.wake(now)
  }

  poll(): PeerTunnelsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#held.deadline()
  }

  #add(added: { peer: PeerId } & PeerSecrets, now: Instant): void {
    const { peer, local, remote } = added
    const publicKey = new Uint8Array(added.publicKey)
    const presharedKey = new Uint8Array(added.presharedKey)
    const known = this.#peers.get(peer)
    const sameKeys =
      known !== undefined &&
      known.isUntold !== true &&
      equalSecrets(known.publicKey, publicKey) &&
      equalSecrets(known.presharedKey, presharedKey)
    this.#peers.set(peer, { ...(sameKeys ? known : {}), publicKey, presharedKey, local, remote })
    if (known !== undefined && !sameKeys) this.#tellTunnel({ type: 'peerRemoved', peer }, now)
    if (!sameKeys) this.#tellTunnel({ type: 'peerAdded', peer, publicKey, presharedKey }, now)
    this.#tellAgents({ type: 'peerAdded', peer, local, remote }, now)
    const path = this.#agents.path(peer)
    if (!sameKeys && path !== undefined) this.#usePath(peer, path, now)
  }

  #remove(peer: PeerId, now: Instant): void {
    if (!this.#peers.delete(peer)) return
    this.#tellTunnel({ type: 'peerRemoved', peer }, now)
    this.#tellAgents({ type: 'peerRemoved', peer }, now)
  }

  /**
   * Begins the handshake beside the first checks, where the peer is likely reached, so that it need not wait for their
   * answers. Once a path is found, an unanswered handshake is repeated there.
   */
  #tryHandshake(peer: PeerId, now: Instant): void {
    const known = this.#peers.get(peer)
    if (this.#role !== 'controlling' || known === undefined || known.handshakeAt !== undefined) return
    if (this.#agents.path(peer) !== undefined) return
    known.tried ??= new Set()
    for (const path of this.#agents.likeliest(peer).toReversed()) {
      if (known.tried.has(path)) continue
      known.tried.add(path)
      this.#usePath(peer, path, now)
    }
  }

  #usePath(peer: PeerId, path: TunnelPath, now: Instant): void {
    this.#tellTunnel({ type: 'pathChosen', peer, path }, now)
    // The transport may have followed the peer there before, while another path was still in use.
    const used = this.#peers.get(peer)?.used
    if (used !== undefined && used.path !== path && this.#chosenPath(peer) === path) this.#useKeys({ ...used, path })
    // Only the client begins, which has packets waiting: two handshakes would cross.
    if (this.#role !== 'controlling') return
    const known = this.#peers.get(peer)
    const renews = known?.mustRenew === true
    if (known !== undefined) known.mustRenew = false
    this.#tellTunnel({ type: 'connectRequested', peer, ...(renews && { renews }) }, now)
  }

  #onAgent(output: IceAgentsOutput, now: Instant): void {
    const { peer } = output
    switch (output.type) {
      case 'pathCarries': {
        const mtu = this.#mtus.get(output.datagramBytes ?? 0) ?? MIN_MTU
        this.#outputs.push({ type: 'flowsTold', input: { type: 'mtuChanged', peer, mtu } })
        return
      }
      case 'relaysPaired':
        return this.#tryHandshake(peer, now)
      case 'pathChosen':
        this.#outputs.push({ type: 'pathChosen', peer, path: output.path })
        this.#usePath(peer, output.path, now)
        return this.#sendKept(peer, now)
      case 'pathLost': {
        const known = this.#peers.get(peer)
        if (known !== undefined) known.lostAt = now
        // The lane hands packets back from here on, and does not send them where nobody is.
        if (known?.used !== undefined) this.#exportKeys({ ...known.used, path: undefined })
        this.#outputs.push({ type: 'pathLost', peer })
        return
      }
      case 'failed': {
        const known = this.#peers.get(peer)
        if (known !== undefined && output.reason === 'path-lost') known.mustRenew = true
        this.#outputs.push({ type: 'peerFailed', peer, reason: output.reason, tried: output.tried })
        return
      }
      default:
        this.#outputs.push(output)
    }
  }

  #onTunnel(output: GuardedTunnelOutput, now: Instant): void {
    if (output.type === 'transportFaulted') {
      const peer = output.call === 'peerAdded' ? this.#peers.get(output.peer ?? '') : undefined
      if (peer !== undefined) peer.isUntold = true
      this.#outputs.push(output)
      return
    }
    if (output.type === 'sendDatagram') {
      const { peer, datagram } = output
      const path = (peer === undefined ? undefined : this.#chosenPath(peer)) ?? output.path
      this.#outputs.push({ type: 'sendDatagram', to: path, bytes: datagram })
      return
    }
    const { peer } = output
    switch (output.type) {
      case 'useKeys':
        return this.#useKeys({ ...output, path: this.#chosenPath(peer) ?? output.path })
      case 'deliverPacket':
        this.#noteHeard(peer, output.path, now)
        this.#count(peer, { received: output.packet.length })
        this.#outputs.push({ type: 'flowsTold', input: { type: 'tunnelPacket', peer, packet: output.packet } })
        return
      case 'sessionEstablished': {
        const known = this.#peers.get(peer)
        if (known !== undefined) known.handshakeAt = now
        this.#outputs.push(output)
        return this.#send(peer, known?.kept?.takeAgain(now), now)
      }
      case 'peerUnresponsive':
        // No handshake is answered without a path, and the next path begins another one.
        if (this.#peers.get(peer)?.lostAt !== undefined) return
        this.#outputs.push({ type: 'peerFailed', peer, reason: 'no-handshake' })
        return
      default:
        return this.#exportKeys(output)
    }
  }

  /** Whether a packet was kept until there is a path again. */
  #isKept({ peer, packet }: { peer: PeerId; packet: Uint8Array }, now: Instant): boolean {
    const known = this.#peers.get(peer)
    if (known?.lostAt === undefined || this.#packet.parse(packet) !== 'ok') return false
    known.kept ??= new KeptPackets()
    return known.kept.keep(this.#packet, now)
  }

  /** Has the lane send again once there is a path, and sends what was kept until then. */
  #sendKept(peer: PeerId, now: Instant): void {
    const known = this.#peers.get(peer)
    if (known?.lostAt === undefined) return
    delete known.lostAt
    if (known.used !== undefined) this.#exportKeys(known.used)
    this.#send(peer, known.kept?.take({ mayRepeat: this.#role === 'controlled' }, now), now)
  }

  #send(peer: PeerId, packets: readonly Uint8Array[] | undefined, now: Instant): void {
    for (const packet of packets ?? []) this.#tellTunnel({ type: 'packetQueued', peer, packet }, now)
  }

  #useKeys(output: TunnelKeysOutput<TunnelPath> & { type: 'useKeys' }): void {
    const known = this.#peers.get(output.peer)
    if (known !== undefined) known.used = output
    this.#exportKeys(output)
  }

  #exportKeys(output: TunnelKeysOutput<TunnelPath>): void {
    this.#outputs.push({ type: 'keysExported', output })
  }

  /**
   * Returns the path that ICE has chosen, for the controlling agent only. The controlled agent's tunnel answers to
   * where packets come from.
   */
  #chosenPath(peer: PeerId): TunnelPath | undefined {
    return this.#role === 'controlling' ? this.#agents.path(peer) : undefined
  }

  #count(peer: PeerId, { sent = 0, received = 0 }: { sent?: number; received?: number }): void {
    const known = this.#peers.get(peer)
    if (known === undefined) return
    known.sentBytes = (known.sentBytes ?? 0) + sent
    known.receivedBytes = (known.receivedBytes ?? 0) + received
  }

  #noteSpoken(peer: PeerId, now: Instant): void {
    const known = this.#peers.get(peer)
    if (known === undefined || (known.spokeAt !== undefined && after(known.spokeAt, TRAFFIC_GRANULARITY_MS) > now))
      return
    known.spokeAt = now
    this.#tellAgents({ type: 'trafficSeen', peer }, now)
  }

  #noteHeard(peer: PeerId, path: TunnelPath, now: Instant): void {
    const known = this.#peers.get(peer)
    if (known === undefined || (known.heardAt !== undefined && after(known.heardAt, TRAFFIC_GRANULARITY_MS) > now))
      return
    known.heardAt = now
    this.#tellAgents({ type: 'trafficSeen', peer, path }, now)
  }
}

const mtusByDatagram = (tunnel: GuardedTunnel, mtu: number): ReadonlyMap<number, number> => {
  const found = new Map<number, number>()
  for (const size of [mtu, ...MTUS]) {
    const bytes = tunnel.datagramBytes(size)
    if (bytes === undefined) continue
    // Probes are STUN messages, whose length is a multiple of 4 bytes (RFC 8489 §5).
    const datagram = (bytes + 3) & ~3
    if (size > MIN_MTU && size <= mtu && !found.has(datagram)) found.set(datagram, size)
  }
  return found
}
