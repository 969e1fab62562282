import type {
  Path,
  PeerId,
  Tunnel,
  TunnelInput,
  TunnelKeysOutput,
  TunnelOutput,
  TunnelTraffic,
} from '../contract/tunnel-transport.ts'
import { equalSecrets } from '../crypto/equal-secrets.ts'
import type { IceCredentials } from '../crypto/derived-values.ts'
import { HeldMachines, type Tell } from '../runtime/held-machines.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { Random } from '../runtime/random.ts'
import { after, type Instant } from '../runtime/time.ts'
import type { Candidate } from './candidate.ts'
import type { IceRole } from './connectivity-check.ts'
import { IceAgents, type IceAgentsInput, type IceAgentsOutput } from './ice-agents.ts'
import { looksLikeStun } from './stun-message.ts'

export interface PeerTunnelsOptions {
  role: IceRole
  random: Random
  tunnel: Tunnel
}

export type PeerTunnelsInput =
  /** A peer that is known already keeps what did not change: its session, where the keys are the same, and its path. */
  | ({ type: 'peerAdded'; peer: PeerId } & PeerSecrets)
  | { type: 'peerRemoved'; peer: PeerId }
  | { type: 'localCandidatesChanged'; candidates: readonly Candidate[] }
  | { type: 'remoteCandidatesAdded'; peer: PeerId; candidates: readonly string[] }
  | { type: 'remoteCandidatesRemoved'; peer: PeerId; candidates: readonly string[] }
  | { type: 'packetQueued'; peer: PeerId; packet: Uint8Array }
  | { type: 'datagramReceived'; path: Path; datagram: Uint8Array }
  /** What a lane did with exported keys. */
  | ({ type: 'trafficSeen' } & TunnelTraffic)

export interface PeerSecrets {
  /** 32 bytes. */
  publicKey: Uint8Array
  /** 32 bytes. */
  presharedKey: Uint8Array
  local: IceCredentials
  remote: IceCredentials
}

export type PeerTunnelsOutput =
  | { type: 'sendDatagram'; path: Path; datagram: Uint8Array }
  | { type: 'deliverPacket'; peer: PeerId; packet: Uint8Array }
  | { type: 'pathChosen'; peer: PeerId; path: Path }
  /** There is no way to the peer at present; another `pathChosen` may follow. */
  | { type: 'pathLost'; peer: PeerId }
  /** Nothing is tried any more; the peer is still known. */
  | { type: 'peerFailed'; peer: PeerId; reason: string }
  | { type: 'sessionEstablished'; peer: PeerId }
  | TunnelKeysOutput

/** The agents need not hear of every packet. */
const TRAFFIC_GRANULARITY_MS = 100

/** Tunnels to peers whose paths ICE finds and watches: what a socket carries, sorted into checks and sealed packets. */
export class PeerTunnels implements Machine<PeerTunnelsInput, PeerTunnelsOutput> {
  readonly #role: IceRole
  readonly #tunnel: Tunnel
  readonly #agents: IceAgents
  readonly #held = new HeldMachines()
  readonly #tellAgents: Tell<IceAgentsInput>
  readonly #tellTunnel: Tell<TunnelInput>
  readonly #peers = new Map<PeerId, PeerSecrets & { heardAt?: Instant; spokeAt?: Instant }>()
  readonly #outputs = new OutputQueue<PeerTunnelsOutput>()

  constructor({ role, random, tunnel }: PeerTunnelsOptions) {
    this.#role = role
    this.#tunnel = tunnel
    this.#agents = new IceAgents({ role, random })
    this.#tellAgents = this.#held.hold(this.#agents, (output, now) => this.#onAgent(output, now))
    this.#tellTunnel = this.#held.hold(tunnel, (output, now) => this.#onTunnel(output, now))
  }

  path(peer: PeerId): Path | undefined {
    return this.#agents.path(peer)
  }

  /** Reasons and how often something was dropped for them. */
  counters(): Readonly<Record<string, number>> {
    return { ...this.#agents.counters(), ...this.#tunnel.counters() }
  }

  handle(input: PeerTunnelsInput, now: Instant): void {
    switch (input.type) {
      case 'peerAdded':
        return this.#add(input, now)
      case 'peerRemoved':
        return this.#remove(input.peer, now)
      case 'localCandidatesChanged':
      case 'remoteCandidatesAdded':
      case 'remoteCandidatesRemoved':
        return this.#tellAgents(input, now)
      case 'packetQueued':
        this.#noteSpoken(input.peer, now)
        return this.#tellTunnel(input, now)
      case 'trafficSeen':
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
      known !== undefined && equalSecrets(known.publicKey, publicKey) && equalSecrets(known.presharedKey, presharedKey)
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

  #usePath(peer: PeerId, path: Path, now: Instant): void {
    this.#tellTunnel({ type: 'pathChosen', peer, path }, now)
    // Only one side begins, or two handshakes cross. The client has the packets that wait.
    if (this.#role === 'controlling') this.#tellTunnel({ type: 'connectRequested', peer }, now)
  }

  #onAgent(output: IceAgentsOutput, now: Instant): void {
    const { peer } = output
    switch (output.type) {
      case 'sendDatagram':
        this.#outputs.push({ type: 'sendDatagram', path: output.path, datagram: output.datagram })
        return
      case 'pathChosen':
        this.#outputs.push({ type: 'pathChosen', peer, path: output.path })
        return this.#usePath(peer, output.path, now)
      case 'pathLost':
        this.#outputs.push({ type: 'pathLost', peer })
        return
      case 'failed':
        this.#outputs.push({ type: 'peerFailed', peer, reason: output.reason })
    }
  }

  #onTunnel(output: TunnelOutput, now: Instant): void {
    if (output.type === 'sendDatagram') {
      const { peer, datagram } = output
      const path = (peer === undefined ? undefined : this.#chosenPath(peer)) ?? output.path
      this.#outputs.push({ type: 'sendDatagram', path, datagram })
      return
    }
    const { peer } = output
    switch (output.type) {
      case 'useKeys':
        this.#outputs.push({ ...output, path: this.#chosenPath(peer) ?? output.path })
        return
      case 'installKeys':
      case 'removeKeys':
      case 'sealPacket':
        this.#outputs.push(output)
        return
      case 'deliverPacket':
        this.#noteHeard(peer, output.path, now)
        this.#outputs.push({ type: 'deliverPacket', peer, packet: output.packet })
        return
      case 'sessionEstablished':
        this.#outputs.push(output)
        return
      case 'peerUnresponsive':
        this.#outputs.push({ type: 'peerFailed', peer, reason: 'no-handshake' })
    }
  }

  /** A tunnel follows what it hears, which serves the controlled side; the controlling side's choice is ICE's. */
  #chosenPath(peer: PeerId): Path | undefined {
    return this.#role === 'controlling' ? this.#agents.path(peer) : undefined
  }

  #noteSpoken(peer: PeerId, now: Instant): void {
    const known = this.#peers.get(peer)
    if (known === undefined || (known.spokeAt !== undefined && after(known.spokeAt, TRAFFIC_GRANULARITY_MS) > now))
      return
    known.spokeAt = now
    this.#tellAgents({ type: 'trafficSeen', peer }, now)
  }

  #noteHeard(peer: PeerId, path: Path, now: Instant): void {
    const known = this.#peers.get(peer)
    if (known === undefined || (known.heardAt !== undefined && after(known.heardAt, TRAFFIC_GRANULARITY_MS) > now))
      return
    known.heardAt = now
    this.#tellAgents({ type: 'trafficSeen', peer, path }, now)
  }
}
