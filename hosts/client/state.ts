// The client as a machine: the portal's link, the packet engine, the resolver and the tunnels, each a machine of its own, and what
// passes between them. Nothing here waits: what takes time is an output whose result comes back as an input.
import type { Tunnel } from '../../core/contract/tunnel-transport.ts'
import type { UpstreamServer, UpstreamVerdict } from '../../core/contract/upstream-resolver.ts'
import { FEATURES, type ClientInterface, type FromPortal, type ToPortal } from '../../core/control/messages.ts'
import { PortalLink, type LinkInput, type LinkOutput } from '../../core/control/portal-link.ts'
import { StubResolver, type StubResolverInput, type StubResolverOutput } from '../../core/dns/stub-resolver.ts'
import type { Upstream } from '../../core/dns/upstream-queries.ts'
import { ClientFlows, type ClientFlowsInput, type ClientFlowsOutput } from '../../core/flow/client-flows.ts'
import { LocalCandidates, type CandidateChange } from '../../core/ice/local-candidates.ts'
import { PeerTunnels, type PeerTunnelsInput, type PeerTunnelsOutput } from '../../core/ice/peer-tunnels.ts'
import type { Datagram } from '../../core/runtime/datagram-socket.ts'
import { splitEndpoint, type Endpoint } from '../../core/runtime/endpoint.ts'
import { earliest, type Deadline, type Machine } from '../../core/runtime/machine.ts'
import type { Random } from '../../core/runtime/random.ts'
import type { Instant } from '../../core/runtime/time.ts'
import type { ClientState as LinkState } from './client-status.ts'
import { GatewayTable, type KnownGateway } from './gateway-table.ts'
import { ResourceTable } from './resource-table.ts'
import { upstreamsOf } from './upstreams.ts'

export interface ClientStateOptions {
  random: Random
  tunnel: Tunnel
  /** The keys of the resolver plugins that there are. */
  resolverKinds: ReadonlySet<string>
}

export type ClientInput =
  | { type: 'started' }
  | { type: 'stopped' }
  /** Of the connection to the portal. */
  | Extract<LinkInput<'client'>, { type: `connection${string}` | 'frameReceived' }>
  /** Our sockets are bound. */
  | { type: 'socketsOpened'; ports: { ipv4?: number; ipv6?: number } }
  /** This machine's addresses, without those of the tunnel device. */
  | { type: 'addressesChanged'; addresses: readonly string[] }
  /** Borrowed until `handle` returns. */
  | { type: 'datagramsReceived'; datagrams: readonly Datagram[] }
  /** Borrowed until `handle` returns. */
  | { type: 'tunPackets'; packets: readonly Uint8Array[] }
  | { type: 'systemUpstreamsFound'; upstreams: readonly UpstreamServer[] }
  | { type: 'upstreamAnswered'; ask: number; verdict: UpstreamVerdict }
  /** A DNS message over TCP; `connection` names what the answer goes to. */
  | { type: 'tcpQueryReceived'; connection: number; message: Uint8Array }

export type ClientOutput =
  | { type: 'openConnection' }
  | { type: 'closeConnection' }
  | { type: 'sendText'; text: string }
  | { type: 'sendDatagram'; peer: Endpoint; datagram: Uint8Array }
  | { type: 'writeTun'; packet: Uint8Array }
  /** Give the device these addresses; again whenever they change. */
  | { type: 'configureInterface'; ipv4: string; ipv6: string }
  | { type: 'setRoutes'; prefixes: readonly string[] }
  /** Have applications ask these servers, which are ours. */
  | { type: 'configureResolver'; servers: readonly string[]; searchDomain: string | undefined }
  | Extract<StubResolverOutput<never>, { type: 'askUpstream' | 'cancelAsk' }>
  | { type: 'answerTcpQuery'; connection: number; message: Uint8Array }
  /** The portal ended it: connections are gone, nothing more comes. */
  | { type: 'end'; reason: 'signed_out' | 'unreachable'; detail: string }

/** Whom the resolver's answer goes to. */
type Query =
  | { via: 'udp'; source: Endpoint; destination: Endpoint }
  | { via: 'tcp'; connection: number }

/** What always leads into the tunnel: its peers, mapped addresses, sentinels. protocol.md §4 */
const OWN_PREFIXES = [
  '100.64.0.0/11',
  '100.96.0.0/11',
  'fd00:2021:1111::/107',
  'fd00:2021:1111:8000::/107',
  'fd00:2021:1111:8000:100:100:111:0/120',
]

export class ClientState implements Machine<ClientInput, ClientOutput> {
  readonly resources = new ResourceTable()
  readonly gateways = new GatewayTable()
  readonly #link: PortalLink<'client'>
  readonly #flows = new ClientFlows()
  readonly #resolver = new StubResolver<Query>()
  readonly #tunnels: PeerTunnels
  readonly #locals = new LocalCandidates()
  readonly #resolverKinds: ReadonlySet<string>
  readonly #outputs: ClientOutput[] = []
  #linkState: LinkState = 'connecting'
  #interface: ClientInterface | undefined
  #sentinels: readonly string[] = []
  #systemUpstreams: readonly UpstreamServer[] = []
  #upstreams: readonly Upstream[] = []

  constructor({ random, tunnel, resolverKinds }: ClientStateOptions) {
    this.#link = new PortalLink({
      role: 'client',
      random,
      features: [FEATURES.denialDetails, FEATURES.unreachableGateways],
    })
    this.#tunnels = new PeerTunnels({ role: 'controlling', random, tunnel })
    this.#resolverKinds = resolverKinds
  }

  get linkState(): LinkState {
    return this.#linkState
  }

  get upstreams(): readonly Upstream[] {
    return this.#upstreams
  }

  /** Of each part: reasons and how often something was dropped for them. */
  counters(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    return {
      link: this.#link.counters(),
      flows: this.#flows.counters(),
      resolver: this.#resolver.counters(),
      tunnels: this.#tunnels.counters(),
    }
  }

  handle(input: ClientInput, now: Instant): void {
    switch (input.type) {
      case 'started':
        return this.#tellLink({ type: 'start' }, now)
      case 'stopped':
        return this.#tellLink({ type: 'stop' }, now)
      case 'connectionOpened':
      case 'connectionRefused':
      case 'connectionClosed':
      case 'frameReceived':
        return this.#tellLink(input, now)
      case 'socketsOpened':
        return this.#tellCandidates(this.#locals.setPorts(input.ports), now)
      case 'addressesChanged':
        return this.#tellCandidates(this.#locals.setAddresses(input.addresses), now)
      case 'datagramsReceived':
        for (const { peer, bytes } of input.datagrams) {
          this.#tellTunnels({ type: 'datagramReceived', path: peer, datagram: bytes }, now)
        }
        return
      case 'tunPackets':
        return this.#tellFlows(input, now)
      case 'systemUpstreamsFound':
        this.#systemUpstreams = input.upstreams
        return this.#chooseUpstreams(now)
      case 'upstreamAnswered':
        return this.#tellResolver(input, now)
      case 'tcpQueryReceived': {
        const { connection, message } = input
        const query: Query = { via: 'tcp', connection }
        const sentinel = this.#sentinels[0] ?? ''
        return this.#tellResolver({ type: 'queryReceived', query, sentinel, message, protocol: 'tcp' }, now)
      }
    }
  }

  wake(now: Instant): void {
    this.#link.wake(now)
    this.#drainLink(now)
    this.#tunnels.wake(now)
    this.#drainTunnels(now)
    this.#flows.wake(now)
    this.#drainFlows(now)
    this.#resolver.wake(now)
    this.#drainResolver(now)
  }

  poll(): ClientOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Deadline | undefined {
    return earliest(
      this.#link.deadline(),
      this.#tunnels.deadline(),
      this.#flows.deadline(),
      this.#resolver.deadline(),
    )
  }

  #tellLink(input: LinkInput<'client'>, now: Instant): void {
    this.#link.handle(input, now)
    this.#drainLink(now)
  }

  #drainLink(now: Instant): void {
    for (let output = this.#link.poll(); output !== undefined; output = this.#link.poll()) this.#onLink(output, now)
  }

  #onLink(output: LinkOutput<'client'>, now: Instant): void {
    switch (output.type) {
      case 'deliver':
        return this.#onMessage(output, now)
      case 'linkUp':
        this.#linkState = 'connected'
        return
      case 'linkDown':
        this.#linkState = 'unreachable'
        return
      case 'signedOut':
      case 'gaveUp':
        this.#linkState = output.type === 'signedOut' ? 'signed_out' : 'unreachable'
        for (const gateway of this.gateways.all()) this.#close(gateway, output.reason, now)
        this.#outputs.push({
          type: 'end',
          reason: output.type === 'signedOut' ? 'signed_out' : 'unreachable',
          detail: output.reason,
        })
        return
      case 'openConnection':
      case 'closeConnection':
      case 'sendText':
        this.#outputs.push(output)
    }
  }

  #onMessage(message: FromPortal<'client'>, now: Instant): void {
    switch (message.event) {
      case 'init':
        this.#configure(message.payload.interface, now)
        this.resources.replaceAll(message.payload.resources ?? [])
        return this.#applyResources(now)
      case 'configChanged':
        return this.#configure(message.payload.interface, now)
      case 'resourceCreatedOrUpdated':
        this.resources.put(message.payload)
        return this.#applyResources(now)
      case 'resourceDeleted':
        this.resources.remove(message.payload)
        this.#applyResources(now)
        return this.#release(message.payload, 'withdrawn', now)
      case 'authorizationCreated':
        return this.#connect(message.payload, now)
      case 'authorizationCreationFailed': {
        const { resource_id, reason } = message.payload
        this.resources.denied(resource_id, reason)
        return this.#tellFlows({ type: 'authorizationFailed', resourceId: resource_id }, now)
      }
      case 'iceCandidates': {
        const { gateway_id, candidates } = message.payload
        return this.#tellTunnels({ type: 'remoteCandidatesAdded', peer: gateway_id, candidates }, now)
      }
      case 'invalidateIceCandidates': {
        const { gateway_id, candidates } = message.payload
        return this.#tellTunnels({ type: 'remoteCandidatesRemoved', peer: gateway_id, candidates }, now)
      }
      case 'relaysPresence':
        // Host candidates do without relays.
        return
    }
  }

  #configure(configured: ClientInterface, now: Instant): void {
    const { ipv4, ipv6 } = configured
    const known = this.#interface
    this.#interface = configured
    if (known?.ipv4 !== ipv4 || known.ipv6 !== ipv6) {
      this.#outputs.push({ type: 'configureInterface', ipv4, ipv6 })
      this.#tellFlows({ type: 'interfaceConfigured', ipv4, ipv6 }, now)
    }
    if (known?.search_domain !== configured.search_domain) this.#configureResolver()
    this.#chooseUpstreams(now)
  }

  #chooseUpstreams(now: Instant): void {
    if (this.#interface === undefined) return
    const upstreams = upstreamsOf(this.#interface, { kinds: this.#resolverKinds, system: this.#systemUpstreams })
    if (this.#sentinels.length > 0 && JSON.stringify(upstreams) === JSON.stringify(this.#upstreams)) return
    this.#upstreams = upstreams
    this.#tellResolver({ type: 'upstreamsChanged', upstreams }, now)
  }

  #configureResolver(): void {
    if (this.#sentinels.length === 0) return
    const searchDomain = this.#interface?.search_domain ?? undefined
    this.#outputs.push({ type: 'configureResolver', servers: this.#sentinels, searchDomain })
  }

  #applyResources(now: Instant): void {
    this.#tellFlows({ type: 'resourcesChanged', resources: this.resources.forFlows() }, now)
    this.#tellResolver({ type: 'resourcesChanged', resources: this.resources.forNames() }, now)
    this.#outputs.push({ type: 'setRoutes', prefixes: [...OWN_PREFIXES, ...this.resources.prefixes()] })
    for (const gateway of this.gateways.all()) {
      for (const id of gateway.resourceIds) if (!this.resources.has(id)) this.#release(id, 'withdrawn', now)
    }
  }

  #connect(created: Extract<FromPortal<'client'>, { event: 'authorizationCreated' }>['payload'], now: Instant): void {
    // An answer that nobody waits for any more comes too late: the portal has to be asked again.
    if (!this.resources.isRequested(created.resource_id)) return
    const { resource_id: resourceId, gateway_id: id, gateway_ipv4: ipv4, gateway_ipv6: ipv6 } = created
    for (const idle of this.gateways.release(resourceId, id)) this.#close(idle, 'replaced', now)
    const gateway = this.gateways.put({ id, ipv4, ipv6 })
    gateway.resourceIds.add(resourceId)
    this.#tellTunnels(
      {
        type: 'peerAdded',
        peer: id,
        publicKey: keyBytes(created.gateway_public_key),
        presharedKey: keyBytes(created.preshared_key),
        local: created.client_ice_credentials,
        remote: created.gateway_ice_credentials,
      },
      now,
    )
    this.#say({ event: 'newGatewayIceCandidates', payload: { gateway_id: id, candidates: this.#locals.lines } }, now)
    this.#grant(gateway, resourceId, now)
  }

  #grant({ id, ipv4, ipv6 }: KnownGateway, resourceId: string, now: Instant): void {
    this.resources.connected(resourceId, id)
    this.#tellFlows({ type: 'granted', resourceId, peer: id, peerIpv4: ipv4, peerIpv6: ipv6 }, now)
  }

  /** A resource is served by nobody any more; who serves nothing else is let go. */
  #release(resourceId: string, reason: string, now: Instant): void {
    this.resources.disconnected(resourceId, reason)
    for (const idle of this.gateways.release(resourceId)) this.#close(idle, reason, now)
  }

  #close(gateway: KnownGateway, reason: string, now: Instant): void {
    this.gateways.remove(gateway.id)
    for (const id of gateway.resourceIds) this.resources.disconnected(id, reason)
    this.#tellTunnels({ type: 'peerRemoved', peer: gateway.id }, now)
    this.#tellFlows({ type: 'peerLost', peer: gateway.id }, now)
  }

  #tellFlows(input: ClientFlowsInput, now: Instant): void {
    this.#flows.handle(input, now)
    this.#drainFlows(now)
  }

  #drainFlows(now: Instant): void {
    for (let output = this.#flows.poll(); output !== undefined; output = this.#flows.poll()) this.#onFlows(output, now)
  }

  #onFlows(output: ClientFlowsOutput, now: Instant): void {
    switch (output.type) {
      case 'writeTun':
        this.#outputs.push(output)
        return
      case 'sendPacket':
        return this.#tellTunnels({ type: 'packetQueued', peer: output.peer, packet: output.packet }, now)
      case 'requestAuthorization':
        return this.#request(output.resourceId, now)
      case 'resolverQuery': {
        const { source, destination, message } = output
        const sentinel = splitEndpoint(destination)?.address ?? ''
        const query: Query = { via: 'udp', source, destination }
        return this.#tellResolver({ type: 'queryReceived', query, sentinel, message, protocol: 'udp' }, now)
      }
      case 'closePeer': {
        const gateway = this.gateways.get(output.peer)
        if (gateway !== undefined) this.#close(gateway, 'gateway closed', now)
      }
    }
  }

  #request(resourceId: string, now: Instant): void {
    const { connected, unreachable } = this.gateways.forRequest(now)
    this.resources.requested(resourceId)
    const payload = { resource_id: resourceId, connected_gateway_ids: connected }
    this.#say(
      {
        event: 'requestAuthorization',
        payload: unreachable.length === 0 ? payload : { ...payload, unreachable_gateway_ids: unreachable },
      },
      now,
    )
  }

  #tellResolver(input: StubResolverInput<Query>, now: Instant): void {
    this.#resolver.handle(input, now)
    this.#drainResolver(now)
  }

  #drainResolver(now: Instant): void {
    for (let output = this.#resolver.poll(); output !== undefined; output = this.#resolver.poll()) {
      this.#onResolver(output, now)
    }
  }

  #onResolver(output: StubResolverOutput<Query>, now: Instant): void {
    switch (output.type) {
      case 'answer': {
        const { query, message } = output
        if (query.via === 'tcp') this.#outputs.push({ type: 'answerTcpQuery', connection: query.connection, message })
        else this.#tellFlows({ type: 'resolverAnswer', source: query.source, destination: query.destination, message }, now)
        return
      }
      case 'mapName': {
        const { domain, addresses, resourceIds } = output
        return this.#tellFlows({ type: 'nameMapped', domain, addresses, resourceIds }, now)
      }
      case 'refreshName':
        return this.#tellFlows({ type: 'nameQueried', domain: output.domain }, now)
      case 'sentinelsChanged':
        this.#sentinels = output.addresses
        this.#tellFlows(output, now)
        return this.#configureResolver()
      case 'askUpstream':
      case 'cancelAsk':
        this.#outputs.push(output)
    }
  }

  #tellTunnels(input: PeerTunnelsInput, now: Instant): void {
    this.#tunnels.handle(input, now)
    this.#drainTunnels(now)
  }

  #drainTunnels(now: Instant): void {
    for (let output = this.#tunnels.poll(); output !== undefined; output = this.#tunnels.poll()) {
      this.#onTunnels(output, now)
    }
  }

  #onTunnels(output: PeerTunnelsOutput, now: Instant): void {
    switch (output.type) {
      case 'sendDatagram':
        this.#outputs.push({ type: 'sendDatagram', peer: output.path as Endpoint, datagram: output.datagram })
        return
      case 'deliverPacket':
        return this.#tellFlows({ type: 'tunnelPacket', peer: output.peer, packet: output.packet }, now)
      case 'pathChosen':
        return this.#onPath(output.peer, output.path, now)
      case 'pathLost':
        return this.#onPathLost(output.peer, now)
      case 'peerFailed': {
        const gateway = this.gateways.get(output.peer)
        if (gateway === undefined) return
        this.gateways.foundDead(gateway.id, now)
        return this.#close(gateway, output.reason, now)
      }
      case 'sessionEstablished': {
        const gateway = this.gateways.get(output.peer)
        if (gateway !== undefined) gateway.handshakeAt = now
      }
    }
  }

  #onPath(id: string, path: string, now: Instant): void {
    const gateway = this.gateways.get(id)
    if (gateway === undefined) return
    gateway.path = path
    this.gateways.foundAlive(id)
    if (!gateway.isLost) return
    // It is back before another took over.
    gateway.isLost = false
    for (const resourceId of gateway.resourceIds) this.#grant(gateway, resourceId, now)
  }

  /** Its packets look for another gateway from here on; if it comes back first, it serves again. */
  #onPathLost(id: string, now: Instant): void {
    const gateway = this.gateways.get(id)
    if (gateway === undefined) return
    gateway.path = undefined
    gateway.isLost = true
    this.gateways.foundDead(id, now)
    for (const resourceId of gateway.resourceIds) this.resources.disconnected(resourceId, 'gateway unreachable')
    this.#tellFlows({ type: 'peerLost', peer: id }, now)
  }

  #tellCandidates({ added, removed }: CandidateChange, now: Instant): void {
    if (added.length === 0 && removed.length === 0) return
    this.#tellTunnels({ type: 'localCandidatesChanged', candidates: this.#locals.candidates }, now)
    for (const { id } of this.gateways.all()) {
      if (removed.length > 0) {
        this.#say({ event: 'invalidateGatewayIceCandidates', payload: { gateway_id: id, candidates: [...removed] } }, now)
      }
      if (added.length > 0) {
        this.#say({ event: 'newGatewayIceCandidates', payload: { gateway_id: id, candidates: [...added] } }, now)
      }
    }
  }

  /** Candidates wait for the portal where it is away; a request is repeated by the packets that want it. */
  #say(message: ToPortal<'client'>, now: Instant): void {
    this.#tellLink({ type: 'send', hold: message.event !== 'requestAuthorization', ...message }, now)
  }
}

const keyBytes = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
