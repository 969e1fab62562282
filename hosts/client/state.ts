// Machine of a client: connects the link to the portal, the packet engine, the name service and the connections to
// gateways, each a machine of its own. It is synchronous: asynchronous work is an output whose result comes back as an
// input.
import type { Tunnel } from '../../core/contract/tunnel-transport.ts'
import { FEATURES, type ClientInterface, type FromPortal, type ToPortal } from '../../core/control/messages.ts'
import type { LinkInput } from '../../core/control/portal-link.ts'
import type { PortalProblem } from '../../core/control/portal-problem.ts'
import type { Upstream } from '../../core/dns/upstream-queries.ts'
import { ClientFlows, type ClientFlowsInput, type ClientFlowsOutput } from '../../core/flow/client/client-flows.ts'
import {
  ScriptLane,
  type DropCounts,
  type Lane,
  type LaneInput,
  type LaneKind,
  type LaneOutput,
} from '../../core/flow/lane.ts'
import { TransportNews, transportStatus, type TransportStatus } from '../../core/ice/transport-news.ts'
import { formatPrefix } from '../../core/net/prefix.ts'
import { MAPPED_ADDRESSES, SENTINEL_ADDRESSES, TUNNEL_ADDRESSES } from '../../core/net/reserved-range.ts'
import { HeldMachines, type Tell } from '../../core/runtime/held-machines.ts'
import type { Deadline, Machine } from '../../core/runtime/machine.ts'
import type { Note } from '../../core/runtime/note.ts'
import { OutputQueue } from '../../core/runtime/output-queue.ts'
import type { Random } from '../../core/runtime/random.ts'
import { after, SECOND, type Instant } from '../../core/runtime/time.ts'
import { PortalSide, type PortalSideOutput } from '../peer/portal-side.ts'
import { ClientNews } from './client-news.ts'
import { Connections, type ConnectionsInput, type ConnectionsOutput } from './connections.ts'
import { DeadEnds } from './dead-ends.ts'
import type { KnownGateway } from './gateway-table.ts'
import { NameFindings } from './names/name-findings.ts'
import { NameService, type NameServiceInput, type NameServiceOutput } from './names/name-service.ts'
import { SiteAsks, type SiteAsk } from './names/site-asks.ts'
import { OwnFacts, type OwnFactsInput } from './own-facts.ts'
import { ResourceTable } from './resource-table.ts'
import type { ClientLinkState } from './session/client-status.ts'
import type { ClientInput, ClientOutput } from './state-messages.ts'
import type { ReadUpstream } from './names/upstreams.ts'
import { TunnelRoutes } from './tunnel-routes.ts'

export interface ClientStateOptions {
  random: Random
  tunnel: Tunnel
  /** Name of the tunnel transport plugin. */
  transport?: string | undefined
  /** Lane that packets move in; a script lane by default. */
  lane?: Lane<ClientFlowsInput, ClientFlowsOutput>
  /** Reads resolvers that the account names. */
  readUpstream: ReadUpstream
  /** Name or address of the portal; the name is never resolved as a resource's. */
  portalHost?: string
  /** URL of the control channel, for messages about problems. */
  portalUrl?: string
  /** MTU of the tunnel device in bytes. */
  mtu?: number | undefined
  /** Routes to keep up to date with the resources; an own instance by default. */
  routes?: TunnelRoutes
}

/**
 * Prefixes always routed into the tunnel: peers, mapped addresses and sentinels (whose IPv4 range is within the mapped
 * addresses).
 */
const OWN_PREFIXES = [...TUNNEL_ADDRESSES, ...MAPPED_ADDRESSES, SENTINEL_ADDRESSES[1]].map(formatPrefix)

/** Portreeve's additions to the protocol that a client understands. */
const UNDERSTOOD = [
  FEATURES.denialDetails,
  FEATURES.transports,
  FEATURES.unreachableGateways,
  FEATURES.names,
  FEATURES.siteRecords,
  FEATURES.upstreamResolvers,
  FEATURES.endReasons,
  FEATURES.clientFacts,
]

/** Time for which requests wait for a portal that is not reached, longer than a restart of the portal takes. */
const PORTAL_MISSED_MS = 5 * SECOND

/** Machine of a client. */
export class ClientState implements Machine<ClientInput, ClientOutput> {
  readonly resources = new ResourceTable()
  readonly findings = new NameFindings()
  readonly facts = new OwnFacts()
  readonly #routes: TunnelRoutes
  readonly #portal: PortalSide<'client'>
  readonly #news = new ClientNews()
  readonly #transport: string
  readonly #transportNews: TransportNews
  readonly #lane: Lane<ClientFlowsInput, ClientFlowsOutput>
  readonly #names: NameService
  readonly #connections: Connections
  readonly #held = new HeldMachines()
  readonly #tellPortal: Tell<LinkInput<'client'>>
  readonly #tellConnections: Tell<ConnectionsInput>
  readonly #tellLane: Tell<LaneInput<ClientFlowsInput, ClientFlowsOutput>>
  readonly #tellNames: Tell<NameServiceInput>
  readonly #tellFacts: Tell<OwnFactsInput>
  readonly #siteAsks = new SiteAsks()
  readonly #deadEnds = new DeadEnds()
  readonly #outputs = new OutputQueue<ClientOutput>()
  /** Final state, once the portal has ended the client. */
  #endedAs: ClientLinkState | undefined
  #interface: ClientInterface | undefined

  constructor(options: ClientStateOptions) {
    const { random, tunnel, transport = 'unnamed', lane, readUpstream, portalHost, portalUrl, mtu, routes } = options
    this.#routes = routes ?? new TunnelRoutes()
    this.#transport = transport
    this.#transportNews = new TransportNews(transport)
    this.#lane = lane ?? new ScriptLane(new ClientFlows())
    this.#portal = new PortalSide({ role: 'client', random, features: UNDERSTOOD, url: portalUrl, connectedBy: 'init' })
    this.#connections = new Connections({ random, tunnel, mtu })
    this.#names = new NameService({ read: readUpstream, portalHost })
    this.#tellPortal = this.#held.hold(this.#portal, (output, now) => this.#onPortal(output, now))
    this.#tellConnections = this.#held.hold(this.#connections, (output, now) => this.#onConnections(output, now))
    this.#tellLane = this.#held.hold(this.#lane, (output, now) => this.#onLane(output, now))
    this.#tellNames = this.#held.hold(this.#names, (output, now) => this.#onNames(output, now))
    this.#tellFacts = this.#held.hold(this.facts, ({ message }, now) =>
      this.#tellPortal({ type: 'send', ...message }, now),
    )
  }

  get linkState(): ClientLinkState {
    return this.#endedAs ?? this.#portal.state
  }

  /** Why the portal is not reached; undefined while it is reached, and before the first attempt. */
  get portalProblem(): PortalProblem | undefined {
    return this.#portal.problem
  }

  /** Tunnel transport plugin, and its problem, if any. */
  get transport(): TransportStatus {
    return transportStatus(this.#transport, this.#connections.trouble)
  }

  /** Whether the transport plugin still carries packets. */
  get carries(): boolean {
    return this.#connections.trouble?.stillCarries !== false
  }

  get laneKind(): LaneKind {
    return this.#lane.kind
  }

  /** Account and actor for people, if the portal tells them. */
  get signedInAs(): ClientInterface['signed_in_as'] {
    return this.#interface?.signed_in_as
  }

  get upstreams(): readonly Upstream[] {
    return this.#names.upstreams
  }

  /** Whether a normalized name belongs to a resource. */
  isResource(name: string): boolean {
    return this.#names.isResource(name)
  }

  get gateways(): readonly KnownGateway[] {
    return this.#connections.gateways.all()
  }

  /** Path MTU to a gateway: bytes of the largest packet sent to it. */
  mtuTo(gatewayId: string): number {
    return this.#connections.mtu(gatewayId)
  }

  counters(): DropCounts {
    return {
      link: this.#portal.counters(),
      ...this.#lane.counters(),
      names: this.#names.counters(),
      connections: this.#connections.counters(),
    }
  }

  handle(input: ClientInput, now: Instant): void {
    switch (input.type) {
      case 'socketsOpened':
      case 'addressesChanged':
        return this.#tellConnections(input, now)
      case 'datagramsReceived':
        for (const { from: path, bytes: datagram } of input.datagrams) {
          this.#tellConnections({ type: 'datagramReceived', path, datagram }, now)
        }
        return
      case 'laneReported':
        return this.#tellLane({ type: 'workerReported', report: input.report }, now)
      case 'tunPackets':
      case 'listenersOpened':
        return this.#tellFlows(input, now)
      case 'upstreamsFound':
      case 'upstreamAnswered':
      case 'siteAnswered':
      case 'tcpQueryReceived':
      case 'inspectionRequested':
        return this.#tellNames(input, now)
      case 'factFound':
        return this.#tellFacts(input, now)
      default:
        return this.#tellPortal(input, now)
    }
  }

  wake(now: Instant): void {
    this.#held.wake(now)
  }

  poll(): ClientOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#held.deadline()
  }

  #onPortal(output: PortalSideOutput<'client'>, now: Instant): void {
    switch (output.type) {
      case 'deliver':
        return this.#onMessage(output, now)
      case 'linkUp':
        return this.resources.portalIsBack()
      case 'end':
        this.#endedAs = output.reason === 'signed_out' ? output.reason : 'unreachable'
        this.#tellConnections({ type: 'portalLost', reason: output.reason }, now)
        this.#outputs.push(output)
        return
      default:
        this.#outputs.push(output)
    }
  }

  #onMessage(message: FromPortal<'client'>, now: Instant): void {
    switch (message.event) {
      case 'init':
        // In this order: addresses, routes, then the resolver, whose sentinel addresses must be routed before.
        this.#configureInterface(message.payload.interface, now, true)
        this.resources.replaceAll(message.payload.resources ?? [])
        this.#applyResources(now)
        this.#tellNames({ type: 'configured', interface: message.payload.interface }, now)
        return
      case 'configChanged':
        this.#configureInterface(message.payload.interface, now)
        return this.#tellNames({ type: 'configured', interface: message.payload.interface }, now)
      case 'resourceCreatedOrUpdated':
        this.resources.put(message.payload)
        return this.#applyResources(now)
      case 'resourceDeleted':
        this.resources.remove(message.payload)
        return this.#applyResources(now)
      case 'authorizationCreated':
        // A late answer that is not awaited is ignored: the portal must be asked again.
        if (!this.resources.takeAnswer(message.payload.resource_id)) return
        this.#leaveDeadEnd(message.payload, now)
        return this.#tellConnections({ type: 'granted', grant: message.payload }, now)
      case 'authorizationCreationFailed': {
        const { resource_id: resourceId, reason, details, limit } = message.payload
        const deadEnd = this.#deadEnds.take(resourceId, now)
        if (reason === 'offline' && deadEnd !== undefined) this.#failResource(resourceId, { ...deadEnd, now })
        // None of the gateways was reached. One may have restarted since, which the client is not told, so all are
        // tried again.
        if (reason === 'offline' && this.#connections.gateways.forgetDead()) return this.#request(resourceId, now)
        this.resources.denied(resourceId, { reason, details, limit, now })
        this.#note(this.#news.denied(resourceId, reason, now))
        for (const ask of this.#siteAsks.takeDenied(resourceId)) this.#askSite(ask, now)
        return this.#tellFlows({ type: 'accessDenied', resourceId }, now)
      }
      case 'iceCandidates':
      case 'invalidateIceCandidates': {
        const { gateway_id: peer, candidates } = message.payload
        const type = message.event === 'iceCandidates' ? 'remoteCandidatesAdded' : 'remoteCandidatesRemoved'
        return this.#tellConnections({ type, peer, candidates }, now)
      }
      case 'relaysPresence':
        // Relays are not used: there are host candidates only.
        return
    }
  }

  #configureInterface(configured: ClientInterface, now: Instant, isNewConnection = false): void {
    const { ipv4, ipv6 } = configured
    if (this.#interface?.ipv4 !== ipv4 || this.#interface.ipv6 !== ipv6) {
      this.#outputs.push({ type: 'configureInterface', ipv4, ipv6 })
      this.#tellFlows({ type: 'interfaceConfigured', ipv4, ipv6 }, now)
    }
    this.#interface = configured
    this.#tellFacts({ type: 'factsWanted', names: configured.client_facts ?? [], isNewConnection }, now)
  }

  #applyResources(now: Instant): void {
    const resources = this.resources.forFlows()
    this.#routes.replaceResources(resources)
    this.findings.keepResources((id) => this.resources.has(id))
    this.#tellFlows({ type: 'resourcesChanged', resources }, now)
    this.#tellNames({ type: 'resourcesChanged', resources: this.resources.forNames() }, now)
    this.#outputs.push({ type: 'setRoutes', prefixes: [...OWN_PREFIXES, ...this.resources.prefixes()] })
    const served = this.gateways.flatMap(({ resourceIds }) => [...resourceIds])
    for (const resourceId of served) {
      if (this.resources.has(resourceId)) continue
      this.#tellConnections({ type: 'resourceWithdrawn', resourceId, reason: 'withdrawn' }, now)
    }
  }

  #tellFlows(input: ClientFlowsInput, now: Instant): void {
    this.#tellLane({ type: 'flowsTold', input }, now)
  }

  #onLane(output: LaneOutput<ClientFlowsInput, ClientFlowsOutput>, now: Instant): void {
    if (output.type === 'flowsOutput') this.#onFlows(output.output, now)
    else if (output.type === 'tellWorker') this.#outputs.push(output)
    else this.#tellConnections(output, now)
  }

  #onFlows(output: ClientFlowsOutput, now: Instant): void {
    switch (output.type) {
      case 'writeTun':
        this.#outputs.push(output)
        return
      case 'sendPacket':
        return this.#tellConnections({ type: 'packetQueued', peer: output.peer, packet: output.packet }, now)
      case 'requestAccess':
        return this.#request(output.resourceId, now)
      case 'resolverQuery':
        return this.#tellNames({ ...output, type: 'udpQueryReceived' }, now)
      case 'nameUsed':
        return this.#tellNames(output, now)
      case 'nameResolved':
        this.findings.put(output.domain, output.resourceId, output.found)
        return this.#tellNames(output, now)
      case 'removePeer':
        return this.#tellConnections({ type: 'gatewayLeft', gatewayId: output.peer }, now)
    }
  }

  #request(resourceId: string, now: Instant): void {
    // The resource is granted already, and a path to its gateway is being sought.
    if (this.#connections.gateways.isConnecting(resourceId)) return
    if (this.#isPortalAway(now)) {
      this.#note(this.#news.notRequested(resourceId, now))
      return this.#failResource(resourceId, { reason: 'portal-unreachable', now })
    }
    const { connected, unreachable } = this.#connections.gateways.forRequest(now)
    this.resources.requested(resourceId)
    this.#say(
      {
        event: 'requestAuthorization',
        payload: {
          resource_id: resourceId,
          connected_gateway_ids: connected,
          ...(unreachable.length === 0 ? {} : { unreachable_gateway_ids: unreachable }),
        },
      },
      now,
    )
  }

  #onNames(output: NameServiceOutput, now: Instant): void {
    switch (output.type) {
      case 'flowsTold':
        return this.#tellLane(output, now)
      case 'askSite':
        return this.#askSite(output, now)
      case 'cancelSiteAsk':
        this.#siteAsks.forget(output.ask)
        this.#outputs.push(output)
        return
      default:
        this.#outputs.push(output)
    }
  }

  #askSite(question: SiteAsk, now: Instant): void {
    const { ask, message, protocol } = question
    const { verdict, server, wanted } = this.#siteAsks.route(
      question,
      {
        isDenied: (id) => this.resources.isDenied(id),
        gatewayOf: (id) => this.#connections.gateways.get(this.resources.gatewayOf(id) ?? ''),
      },
      now,
    )
    if (verdict !== undefined) this.#tellNames({ type: 'siteAnswered', ask, verdict }, now)
    if (server !== undefined) this.#outputs.push({ type: 'askGateway', ask, server, message, protocol })
    for (const resourceId of wanted) this.#tellFlows({ type: 'accessWanted', resourceId }, now)
  }

  #onConnections(output: ConnectionsOutput, now: Instant): void {
    switch (output.type) {
      case 'flowsTold':
      case 'keysExported':
        return this.#tellLane(output, now)
      case 'granted':
        this.#note(this.#news.hear(output, now))
        return this.resources.connecting(output.resourceId, output.gateway.id)
      case 'transportFaulted':
        return this.#note(this.#transportNews.hear(output, now))
      case 'pathTaken':
        return this.#note(this.#news.hear(output, now))
      case 'connected': {
        const { id: peer, ipv4: peerIpv4, ipv6: peerIpv6 } = output.gateway
        this.resources.connected(output.resourceId, peer)
        this.#deadEnds.take(output.resourceId, now)
        this.#tellFlows({ type: 'connected', resourceId: output.resourceId, peer, peerIpv4, peerIpv6 }, now)
        for (const ask of this.#siteAsks.takeConnected(output.resourceId)) this.#askSite(ask, now)
        return
      }
      case 'disconnected':
        return this.#disconnect(output, now)
      case 'say':
        return this.#say(output.message, now)
      default:
        this.#outputs.push(output)
    }
  }

  #disconnect(output: Extract<ConnectionsOutput, { type: 'disconnected' }>, now: Instant): void {
    const { gateway, resourceIds, reason, how } = output
    this.#note(this.#news.hear(output, now))
    this.#tellFlows({ type: 'peerLost', peer: gateway.id }, now)
    for (const id of resourceIds) {
      if (how === 'ended') this.resources.disconnected(id, reason)
      // Packets wait, as another gateway may take over within a moment.
      else this.resources.unreachable(id, { reason, gateway: gateway.name, now })
      if (how !== 'failed') continue
      this.#deadEnds.add(id, gateway.id, { reason, gateway: gateway.name, now })
      this.#tellFlows({ type: 'gatewayFailed', resourceId: id, isWanted: this.#siteAsks.isWanted(id) }, now)
    }
  }

  /**
   * Fails a resource's waiting packets if the portal grants only a gateway that was just not reached, which is still
   * tried again.
   */
  #leaveDeadEnd(
    { resource_id: resourceId, gateway_id: gatewayId }: { resource_id: string; gateway_id: string },
    now: Instant,
  ): void {
    const deadEnd = this.#deadEnds.granted(resourceId, gatewayId, now)
    if (deadEnd !== undefined) this.#failResource(resourceId, { ...deadEnd, now })
  }

  /** Shows a resource as unreachable and refuses the packets of applications that wait for it. */
  #failResource(resourceId: string, why: { reason: string; gateway?: string | undefined; now: Instant }): void {
    this.resources.unreachable(resourceId, why)
    this.#tellFlows({ type: 'resourceUnreachable', resourceId }, why.now)
    const { asks, verdict } = this.#siteAsks.unreachable(resourceId, why.now)
    for (const { ask } of asks) this.#tellNames({ type: 'siteAnswered', ask, verdict }, why.now)
  }

  #isPortalAway(now: Instant): boolean {
    const { lostAt } = this.#portal
    return lostAt !== undefined && now >= after(lostAt, PORTAL_MISSED_MS)
  }

  #note(note: Note | undefined): void {
    if (note !== undefined) this.#outputs.push(note)
  }

  /**
   * Sends a message to the portal. While it is not connected, messages are held back, except requests, which later
   * packets repeat.
   */
  #say(message: ToPortal<'client'>, now: Instant): void {
    this.#tellPortal({ type: 'send', hold: message.event !== 'requestAuthorization', ...message }, now)
  }
}
