// Everything that finds paths from this machine to its peers: its candidates, its allocations at relays, and the tunnels
// over them. Datagrams of the shared sockets are told apart here, and relays' headers put on and taken off.
import type { PeerId } from '../contract/tunnel-transport.ts'
import type { Prefix } from '../net/prefix.ts'
import type { Datagram } from '../runtime/datagram-socket.ts'
import type { Endpoint, Family } from '../runtime/endpoint.ts'
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
import { Nat64Mapping } from './nat64-mapping.ts'
import type { PathStatus } from './path-status.ts'
import type { PeerTunnelsInput, PeerTunnelsOutput } from './peer-tunnels-messages.ts'
import { PeerTunnels, type PeerTunnelsOptions } from './peer-tunnels.ts'
import { RelaySockets, type RelaySocketsInput, type RelaySocketsOutput, type UdpState } from './relay-sockets.ts'

export interface PeerPathsOptions extends Omit<PeerTunnelsOptions, 'relayed' | 'isUdpBlocked'> {
  /** Addresses at which the operator says that this machine is reached. */
  advertised?: readonly AdvertisedAddress[] | undefined
}

/** Inputs of `PeerPaths`. */
export type PeerPathsInput =
  | Extract<GatheringInput, { type: 'socketsOpened' | 'addressesChanged' }>
  /** Replaces the STUN servers and relays that the portal offers. */
  | { type: 'serversOffered'; stunServers: readonly Endpoint[]; relays: readonly OfferedRelay[] }
  /** Prefix of the network's NAT64 while IPv6 alone leads out; undefined if there is none, or IPv4 leads out, too. */
  | { type: 'nat64Changed'; prefix: Prefix | undefined }
  | Extract<RelaySocketsInput, { type: 'socketOpened' | 'socketClosed' }>
  /** A datagram from one of the sockets. */
  | { type: 'datagramReceived'; from: Endpoint; datagram: Uint8Array }
  | Exclude<PeerTunnelsInput, { type: 'localCandidatesChanged' | 'networkChanged' | 'datagramReceived' }>

/** Outputs of `PeerPaths`. */
export type PeerPathsOutput =
  | ({ type: 'sendDatagram' } & Datagram)
  | Exclude<PeerTunnelsOutput, { type: 'sendDatagram' | 'pathDoubted' | 'pathAnswers' }>
  /** Tell peers of changed candidates. */
  | ({ type: 'candidatesChanged' } & CandidateChange)
  /** None of the offered relays relays: the portal is to be asked for others. */
  | { type: 'noneRelays' }
  /** Open a WebSocket to a relay, and a local socket of this family that stands for it. */
  | { type: 'openSocket'; url: string; family: Family }
  | { type: 'closeSocket'; url: string }

/** Part of `PeerTunnels` that tells of paths. */
export type PathsTold = Pick<PeerTunnels, 'pathStatus' | 'use' | 'mtu' | 'offered' | 'roundTrip' | 'trouble'>

/** State of a relay, for people. `relay` is its endpoint, or the URL of a WebSocket. */
export type ShownRelay = Omit<RelayClients['status'][number], 'relay'> & { relay: string }

/** Most relays that are reached by UDP: there is room for as many by WebSockets. */
const MAX_BY_UDP = 2

/** Paths from this machine to its peers. */
export class PeerPaths implements Machine<PeerPathsInput, PeerPathsOutput> {
  /** Tunnels to the peers, to be asked about their paths. */
  readonly tunnels: PathsTold
  readonly #gathering: CandidateGathering
  readonly #relays: RelayClients
  readonly #tunnels: PeerTunnels
  readonly #sockets: RelaySockets
  readonly #nat64 = new Nat64Mapping<PeerId>()
  readonly #held = new HeldMachines()
  readonly #tellGathering: Tell<GatheringInput>
  readonly #tellRelays: Tell<RelayClientsInput>
  readonly #tellTunnels: Tell<PeerTunnelsInput>
  readonly #tellSockets: Tell<RelaySocketsInput>
  readonly #outputs = new OutputQueue<PeerPathsOutput>()
  #offered: Extract<PeerPathsInput, { type: 'serversOffered' }> | undefined
  #families: readonly Family[] = []
  /** Path in use over a relay, by peer. */
  readonly #relayedPaths = new Map<PeerId, ChannelPath>()

  constructor(options: PeerPathsOptions) {
    this.#relays = new RelayClients(options)
    this.#gathering = new CandidateGathering(options)
    this.#sockets = new RelaySockets({ isInUse: (endpoint) => this.#isInUse(endpoint) })
    this.#tunnels = new PeerTunnels({
      ...options,
      relayed: this.#relays,
      isUdpBlocked: () => this.#sockets.udp === 'blocked',
    })
    this.#tellGathering = this.#held.hold(this.#gathering, (output, now) => this.#onGathering(output, now))
    this.#tellRelays = this.#held.hold(this.#relays, (output, now) => this.#onRelays(output, now))
    this.#tellTunnels = this.#held.hold(this.#tunnels, (output, now) => this.#onTunnels(output, now))
    this.#tellSockets = this.#held.hold(this.#sockets, (output, now) => this.#onSockets(output, now))
    const tunnels = this.#tunnels
    this.tunnels = {
      pathStatus: (peer) => this.#shown(tunnels.pathStatus(peer)),
      use: (peer) => tunnels.use(peer),
      mtu: (peer) => tunnels.mtu(peer),
      offered: (peer) => tunnels.offered(peer),
      roundTrip: (peer) => tunnels.roundTrip(peer),
      get trouble() {
        return tunnels.trouble
      },
    }
  }

  /** Endpoints at which this machine can be reached, how they are known, and whether UDP leaves this network. */
  get reach(): GatheringStatus & { relays: ShownRelay[]; udp: UdpState } {
    const relays = this.#relays.status.map((one) => ({ ...one, relay: this.#sockets.urlOf(one.relay) ?? one.relay }))
    return { ...this.#gathering.status, relays, udp: this.#sockets.udp }
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
      case 'serversOffered': {
        this.#offered = input
        this.#useServers(input, now)
        const urls = input.relays.flatMap(({ websocketUrl }) => websocketUrl ?? [])
        const canTell = input.stunServers.length > 0 || input.relays.length > 0
        return this.#tellSockets({ type: 'offered', urls, canTell }, now)
      }
      case 'socketOpened':
      case 'socketClosed':
        return this.#tellSockets(input, now)
      case 'nat64Changed':
        return this.#changeNat64(input.prefix, now)
      case 'remoteCandidatesAdded':
        return this.#tellTunnels({ ...input, candidates: this.#nat64.add(input.peer, input.candidates) }, now)
      case 'remoteCandidatesRemoved':
        return this.#tellTunnels({ ...input, candidates: this.#nat64.remove(input.peer, input.candidates) }, now)
      case 'datagramReceived': {
        const { from, datagram } = input
        if (this.#relays.isForRelay(from, datagram)) {
          if (this.#sockets.urlOf(from) === undefined) this.#tellSockets({ type: 'udpAnswered' }, now)
          return this.#tellRelays(input, now)
        }
        const received = { type: 'datagramReceived', path: from, datagram } as const
        if (this.#gathering.isAnswer(from, datagram)) {
          this.#tellSockets({ type: 'udpAnswered' }, now)
          return this.#tellGathering(received, now)
        }
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
      case 'peerAdded':
        this.#nat64.know(input.peer)
        return this.#tellTunnels(input, now)
      case 'peerRemoved':
        this.#nat64.forget(input.peer)
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

  #useServers({ stunServers, relays }: Extract<PeerPathsInput, { type: 'serversOffered' }>, now: Instant): void {
    const servers = stunServers.flatMap((server) => this.#nat64.endpoints([server]))
    this.#tellGathering({ type: 'stunServersChanged', servers }, now)
    const reached = relays.map((relay) => ({ ...relay, endpoints: this.#nat64.endpoints(relay.endpoints) }))
    // They come last, so that their paths are worth least.
    const open = this.#sockets.endpoints
    const bySocket = relays.flatMap(({ credentials, websocketUrl }) => {
      const local = open.get(websocketUrl ?? '')
      return local === undefined ? [] : [{ credentials, endpoints: [local] }]
    })
    this.#tellRelays(
      {
        type: 'relaysOffered',
        relays: bySocket.length === 0 ? reached : [...reached.slice(0, MAX_BY_UDP), ...bySocket],
      },
      now,
    )
  }

  #changeNat64(prefix: Prefix | undefined, now: Instant): void {
    for (const { peer, added, removed } of this.#nat64.setPrefix(prefix)) {
      this.#tellTunnels({ type: 'remoteCandidatesRemoved', peer, candidates: removed }, now)
      this.#tellTunnels({ type: 'remoteCandidatesAdded', peer, candidates: added }, now)
    }
    if (this.#offered !== undefined) this.#useServers(this.#offered, now)
  }

  #onGathering(output: GatheringOutput, now: Instant): void {
    switch (output.type) {
      case 'sendDatagram':
        this.#outputs.push(output)
        return
      case 'networkChanged':
        this.#families = output.families
        this.#tellSockets({ type: 'networkChanged', hasMoved: output.hasMoved }, now)
        this.#tellTunnels({ type: 'networkChanged' }, now)
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

  #onSockets(output: RelaySocketsOutput, now: Instant): void {
    switch (output.type) {
      case 'openSocket': {
        const family = this.#families.includes('ipv4') ? 'ipv4' : 'ipv6'
        this.#outputs.push({ ...output, family })
        return
      }
      case 'closeSocket':
        this.#outputs.push(output)
        return
      case 'socketsChanged':
        if (this.#offered !== undefined) this.#useServers(this.#offered, now)
    }
  }

  #onTunnels(output: PeerTunnelsOutput, now: Instant): void {
    switch (output.type) {
      case 'sendDatagram':
        return this.#send(output, now)
      case 'pathDoubted':
        return this.#doubtUdp(output.peer, now)
      case 'pathAnswers':
        if (this.#isByUdp(output.peer)) this.#tellSockets({ type: 'udpAnswered' }, now)
        return
      case 'pathChosen':
      case 'pathLost':
        this.#watchRelay(output.peer, output.type === 'pathChosen' ? output.path : undefined, now)
        if (output.type === 'pathLost') this.#tellSockets({ type: 'udpDoubted' }, now)
        break
      default:
      // goes on as it is
    }
    this.#outputs.push(output)
  }

  /** Asks whether it is UDP that does not work, if a path over it may be dead: before the path is known to be. */
  #doubtUdp(peer: PeerId, now: Instant): void {
    if (this.#sockets.udp !== 'works' || !this.#isByUdp(peer)) return
    this.#tellSockets({ type: 'udpDoubted' }, now)
    this.#tellGathering({ type: 'doubted' }, now)
  }

  /** Whether the path to a peer leads over UDP, and not over a WebSocket. */
  #isByUdp(peer: PeerId): boolean {
    const path = this.#relayedPaths.get(peer)
    return path === undefined || this.#sockets.urlOf(splitPath(path).to) === undefined
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

  #isInUse(relay: Endpoint): boolean {
    return [...this.#relayedPaths.values()].some((path) => splitPath(path).to === relay)
  }

  /** Describes a path over a WebSocket as such. */
  #shown(status: PathStatus | undefined): PathStatus | undefined {
    const url = this.#sockets.urlOf(status?.relay ?? '')
    return status === undefined || url === undefined ? status : { ...status, kind: 'websocket', relay: url }
  }

  #isKnown(path: TunnelPath): boolean {
    return !isChannel(path) || this.#relays.endsOf(path) !== undefined
  }
}

const isChannel = (path: TunnelPath): path is ChannelPath => splitPath(path).channel !== undefined
