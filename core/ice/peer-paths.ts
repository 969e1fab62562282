// Everything that finds paths from this machine to its peers: its candidates, its allocations at relays, and the tunnels
// over them. Datagrams of the shared sockets are told apart here, and relays' headers put on and taken off.
import type { PeerId } from '../contract/tunnel-transport.ts'
import type { Datagram } from '../runtime/datagram-socket.ts'
import type { Endpoint } from '../runtime/endpoint.ts'
import { HeldMachines, type Tell } from '../runtime/held-machines.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { splitPath, type ChannelPath, type TunnelPath } from '../runtime/path.ts'
import type { Instant } from '../runtime/time.ts'
import {
  RelayClients,
  type OfferedRelay,
  type RelayClientsInput,
  type RelayClientsOutput,
} from '../turn/relay-clients.ts'
import type { AdvertisedAddress } from './advertised-address.ts'
import {
  CandidateGathering,
  type GatheringInput,
  type GatheringOutput,
  type GatheringStatus,
} from './candidate-gathering.ts'
import type { CandidateChange } from './local-candidates.ts'
import { PeerTunnels, type PeerTunnelsInput, type PeerTunnelsOptions, type PeerTunnelsOutput } from './peer-tunnels.ts'

export interface PeerPathsOptions extends Omit<PeerTunnelsOptions, 'relayed'> {
  /** Addresses at which the operator says that this machine is reached. */
  advertised?: readonly AdvertisedAddress[] | undefined
}

/** Inputs of `PeerPaths`. */
export type PeerPathsInput =
  | Extract<GatheringInput, { type: 'socketsOpened' | 'addressesChanged' }>
  /** Replaces the STUN servers and relays that the portal offers. */
  | { type: 'serversOffered'; stunServers: readonly Endpoint[]; relays: readonly OfferedRelay[] }
  /** A datagram from one of the sockets. */
  | { type: 'datagramReceived'; from: Endpoint; datagram: Uint8Array }
  | Exclude<PeerTunnelsInput, { type: 'localCandidatesChanged' | 'datagramReceived' }>

/** Outputs of `PeerPaths`. */
export type PeerPathsOutput =
  | ({ type: 'sendDatagram' } & Datagram)
  | Exclude<PeerTunnelsOutput, { type: 'sendDatagram' }>
  /** Tell peers of changed candidates. */
  | ({ type: 'candidatesChanged' } & CandidateChange)
  /** None of the offered relays relays: the portal is to be asked for others. */
  | { type: 'noneRelays' }

/** Paths from this machine to its peers. */
export class PeerPaths implements Machine<PeerPathsInput, PeerPathsOutput> {
  readonly #gathering: CandidateGathering
  readonly #relays: RelayClients
  readonly #tunnels: PeerTunnels
  readonly #held = new HeldMachines()
  readonly #tellGathering: Tell<GatheringInput>
  readonly #tellRelays: Tell<RelayClientsInput>
  readonly #tellTunnels: Tell<PeerTunnelsInput>
  readonly #outputs = new OutputQueue<PeerPathsOutput>()
  /** Path in use over a relay, by peer. */
  readonly #relayedPaths = new Map<PeerId, ChannelPath>()

  constructor(options: PeerPathsOptions) {
    this.#relays = new RelayClients(options)
    this.#gathering = new CandidateGathering(options)
    this.#tunnels = new PeerTunnels({ ...options, relayed: this.#relays })
    this.#tellGathering = this.#held.hold(this.#gathering, (output, now) => this.#onGathering(output, now))
    this.#tellRelays = this.#held.hold(this.#relays, (output, now) => this.#onRelays(output, now))
    this.#tellTunnels = this.#held.hold(this.#tunnels, (output, now) => this.#onTunnels(output, now))
  }

  /** Tunnels to the peers, to be asked about their paths. */
  get tunnels(): Pick<PeerTunnels, 'pathStatus' | 'use' | 'mtu' | 'offered' | 'roundTrip' | 'trouble'> {
    return this.#tunnels
  }

  /** Endpoints at which this machine can be reached, and how they are known. */
  get reach(): GatheringStatus & { relays: RelayClients['status'] } {
    return { ...this.#gathering.status, relays: this.#relays.status }
  }

  /** Candidates as text for the peers. */
  get lines(): string[] {
    return this.#gathering.lines
  }

  /** Returns the number of drops by reason. */
  counters(): Readonly<Record<string, number>> {
    return { ...this.#gathering.counters(), ...this.#relays.counters(), ...this.#tunnels.counters() }
  }

  handle(input: PeerPathsInput, now: Instant): void {
    switch (input.type) {
      case 'socketsOpened':
      case 'addressesChanged':
        return this.#tellGathering(input, now)
      case 'serversOffered':
        this.#tellGathering({ type: 'stunServersChanged', servers: input.stunServers }, now)
        return this.#tellRelays({ type: 'relaysOffered', relays: input.relays }, now)
      case 'datagramReceived': {
        const { from, datagram } = input
        if (this.#relays.isForRelay(from, datagram)) return this.#tellRelays(input, now)
        const received = { type: 'datagramReceived', path: from, datagram } as const
        if (this.#gathering.isAnswer(from, datagram)) return this.#tellGathering(received, now)
        return this.#tellTunnels(received, now)
      }
      case 'trafficSeen': {
        // A lane takes a relay's header off whoever sent it: only paths over relays in use lead to a peer.
        const { path, ...traffic } = input
        return this.#tellTunnels(
          { ...traffic, path: path !== undefined && this.#isKnown(path) ? path : undefined },
          now,
        )
      }
      case 'peerRemoved':
        this.#relayedPaths.delete(input.peer)
        return this.#tellTunnels(input, now)
      default:
        return this.#tellTunnels(input, now)
    }
  }

  wake(now: Instant): void {
    this.#held.wake(now)
  }

  poll(): PeerPathsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#held.deadline()
  }

  #onGathering(output: GatheringOutput, now: Instant): void {
    switch (output.type) {
      case 'sendDatagram':
        this.#outputs.push(output)
        return
      case 'networkChanged':
        return this.#tellRelays(output, now)
      case 'candidatesChanged': {
        const { candidates, added, removed } = output
        this.#tellTunnels({ type: 'localCandidatesChanged', candidates }, now)
        if (added.length > 0 || removed.length > 0) this.#outputs.push({ type: 'candidatesChanged', added, removed })
      }
    }
  }

  #onRelays(output: RelayClientsOutput, now: Instant): void {
    switch (output.type) {
      case 'sendDatagram':
      case 'noneRelays':
        this.#outputs.push(output)
        return
      case 'datagramReceived':
        return this.#tellTunnels(output, now)
      case 'allocationsChanged':
        return this.#tellGathering({ type: 'allocationsChanged', allocations: this.#relays.allocations }, now)
    }
  }

  #onTunnels(output: PeerTunnelsOutput, now: Instant): void {
    switch (output.type) {
      case 'sendDatagram':
        return this.#send(output, now)
      case 'pathChosen':
      case 'pathLost':
        this.#watchRelay(output.peer, output.type === 'pathChosen' ? output.path : undefined, now)
        break
      default:
      // goes on as it is
    }
    this.#outputs.push(output)
  }

  #send({ to, ...datagram }: Omit<Datagram, 'to'> & { to: TunnelPath }, now: Instant): void {
    if (isChannel(to)) this.#tellRelays({ ...datagram, type: 'datagramQueued', path: to }, now)
    else this.#outputs.push({ ...datagram, type: 'sendDatagram', to })
  }

  /** Doubts a relay that a path was left: if it is dead, its candidates are withdrawn the sooner. */
  #watchRelay(peer: PeerId, path: TunnelPath | undefined, now: Instant): void {
    const before = this.#relayedPaths.get(peer)
    if (path !== undefined && isChannel(path)) this.#relayedPaths.set(peer, path)
    else this.#relayedPaths.delete(peer)
    if (before !== undefined && before !== path) this.#tellRelays({ type: 'doubted', path: before }, now)
  }

  #isKnown(path: TunnelPath): boolean {
    return !isChannel(path) || this.#relays.endsOf(path) !== undefined
  }
}

const isChannel = (path: TunnelPath): path is ChannelPath => splitPath(path).channel !== undefined
