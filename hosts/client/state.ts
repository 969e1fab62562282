// Machine of a client: connects the link to the portal, the packet engine, the name service, access to resources and the
// connections to gateways, each a machine of its own. It is synchronous: asynchronous work is an output whose result comes back as an
// input.
import { MAX_REPORTED_PATHS } from '../../core/control/client-messages.ts'
import type { ClientInterface, FromPortal, ToPortal } from '../../core/control/messages.ts'
import type { PortalProblem } from '../../core/control/portal-problem.ts'
import type { KeptNames } from '../../core/dns/kept-names.ts'
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
import type { PeerPaths } from '../../core/ice/peer-paths.ts'
import { TransportNews, transportStatus, type TransportStatus } from '../../core/ice/transport-news.ts'
import { Counters } from '../../core/runtime/counters.ts'
import { HeldMachines, type Tell } from '../../core/runtime/held-machines.ts'
import type { Deadline, Machine } from '../../core/runtime/machine.ts'
import type { Note } from '../../core/runtime/note.ts'
import { OutputQueue } from '../../core/runtime/output-queue.ts'
import type { Instant } from '../../core/runtime/time.ts'
import { PathReports, type PathReportsInput } from '../peer/path-reports.ts'
import type { PathsKnown } from '../peer/peer-path.ts'
import { reportedPaths } from '../peer/reported-paths.ts'
import { PortalSide, type PortalSideInput, type PortalSideOutput } from '../peer/portal-side.ts'
import { Assignment } from './assignment.ts'
import { Connections, type ConnectionsInput, type ConnectionsOutput } from './connections.ts'
import type { KnownGateway } from './gateway-table.ts'
import { NameFindings } from './names/name-findings.ts'
import { NameService, type NameServiceInput, type NameServiceOutput } from './names/name-service.ts'
import { OwnFacts, type OwnFactsInput } from './own-facts.ts'
import { ResourceAccess, type ResourceAccessInput, type ResourceAccessOutput } from './resource-access.ts'
import { ResourceTable } from './resource-table.ts'
import type { ClientLinkState } from './session/client-status.ts'
import type { ClientStateOptions } from './state-options.ts'
import type { ClientInput, ClientOutput } from './state-messages.ts'
import type { UnusableResolver } from './names/upstreams.ts'
import { TunnelRoutes } from './tunnel-routes.ts'

/** Messages that are not held back for a portal that is away. */
const ASKED_AGAIN: ReadonlySet<string> = new Set(['requestAuthorization', 'noRelays'])

/** Machine of a client. */
export class ClientState implements Machine<ClientInput, ClientOutput> {
  readonly resources = new ResourceTable()
  readonly findings = new NameFindings()
  readonly facts = new OwnFacts()
  readonly #portal: PortalSide<'client'>
  readonly #transport: string
  readonly #transportNews: TransportNews
  readonly #lane: Lane<ClientFlowsInput, ClientFlowsOutput>
  readonly #names: NameService
  readonly #connections: Connections
  readonly #held = new HeldMachines()
  readonly #machine = new Counters<'connection-reset'>()
  readonly #tellPortal: Tell<PortalSideInput<'client'>>
  readonly #tellConnections: Tell<ConnectionsInput>
  readonly #tellLane: Tell<LaneInput<ClientFlowsInput, ClientFlowsOutput>>
  readonly #tellNames: Tell<NameServiceInput>
  readonly #tellFacts: Tell<OwnFactsInput>
  readonly #tellAccess: Tell<ResourceAccessInput>
  readonly #tellPathReports: Tell<PathReportsInput>
  readonly #assignment: Assignment
  readonly #outputs = new OutputQueue<ClientOutput>()
  /** Final state, once the portal has ended the client. */
  #endedAs: ClientLinkState | undefined

  constructor(options: ClientStateOptions) {
    const { random, tunnel, transport = 'unnamed', mtu, portalHost, kept } = options
    this.#transport = transport
    this.#transportNews = new TransportNews(transport)
    this.#lane = options.lane ?? new ScriptLane(new ClientFlows())
    this.#portal = new PortalSide({ role: 'client', random, url: options.portalUrl, connectedBy: 'init' })
    this.#connections = new Connections({ random, tunnel, mtu })
    this.#names = new NameService({ read: options.readUpstream, portalHost, kept })
    this.#tellPortal = this.#held.hold(this.#portal, (output, now) => this.#onPortal(output, now))
    this.#tellConnections = this.#held.hold(this.#connections, (output, now) => this.#onConnections(output, now))
    this.#tellLane = this.#held.hold(this.#lane, (output, now) => this.#onLane(output, now))
    const access = new ResourceAccess({
      resources: this.resources,
      gateways: this.#connections.gateways,
      candidates: () => this.#connections.candidates,
    })
    this.#tellAccess = this.#held.hold(access, (output, now) => this.#onAccess(output, now))
    const gatewayIds = (): string[] => this.gateways.map(({ id }) => id)
    const pathReports = new PathReports(() => reportedPaths(gatewayIds().slice(0, MAX_REPORTED_PATHS), this))
    this.#tellPathReports = this.#held.hold(pathReports, (report, now) => {
      const paths = report.paths.map(({ peer, ...path }) => ({ gateway_id: peer, ...path }))
      this.#say({ event: 'clientPaths', payload: { paths } }, now)
    })
    this.#tellNames = this.#held.hold(this.#names, (output, now) => this.#onNames(output, now))
    this.#tellFacts = this.#held.hold(this.facts, ({ message }, now) =>
      this.#tellPortal({ type: 'send', ...message }, now),
    )
    const routes = options.routes ?? new TunnelRoutes()
    this.#assignment = new Assignment({
      resources: this.resources,
      resourcesChanged: (resources) => {
        routes.replaceResources(resources)
        this.findings.keepResources((id) => this.resources.has(id))
      },
      served: () => this.gateways.flatMap(({ resourceIds }) => [...resourceIds]),
      flows: (input, now) => this.#tellFlows(input, now),
      names: this.#tellNames,
      connections: this.#tellConnections,
      facts: this.#tellFacts,
      output: (output) => {
        if (output.type === 'configureInterface') routes.useRanges(output.ranges)
        this.#outputs.push(output)
      },
    })
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
    return this.#assignment.signedInAs
  }

  get upstreams(): readonly Upstream[] {
    return this.#names.upstreams
  }

  /** Resolvers that the account names and this client does not ask. */
  get unusableResolvers(): readonly UnusableResolver[] {
    return this.#names.unusable
  }

  /** Names to keep for the next run, once no further one will be mapped. */
  get keptNames(): KeptNames {
    return this.#names.keptNames
  }

  /** Whether a normalized name belongs to a resource. */
  isResource(name: string): boolean {
    return this.#names.isResource(name)
  }

  get gateways(): readonly KnownGateway[] {
    return this.#connections.gateways.all().filter(({ isResting }) => !isResting)
  }

  /** Endpoints at which this client can be reached, and how they are known. */
  get reach(): PeerPaths['reach'] {
    return this.#connections.reach
  }

  /** Paths to gateways, for people. */
  get paths(): PathsKnown {
    return this.#connections.paths
  }

  counters(): DropCounts {
    return {
      link: this.#portal.counters(),
      ...this.#lane.counters(),
      names: this.#names.counters(),
      connections: this.#connections.counters(),
      machine: this.#machine.snapshot(),
    }
  }

  handle(input: ClientInput, now: Instant): void {
    switch (input.type) {
      case 'socketsOpened':
      case 'nat64Changed':
      case 'socketOpened':
      case 'socketClosed':
        return this.#tellConnections(input, now)
      case 'addressesChanged':
        this.#tellPortal(input, now)
        return this.#tellConnections(input, now)
      case 'datagramsReceived':
        for (const { from, bytes: datagram } of input.datagrams) {
          this.#tellConnections({ type: 'datagramReceived', from, datagram }, now)
        }
        return
      case 'laneReported':
        return this.#tellLane({ type: 'workerReported', report: input.report }, now)
      case 'accessWanted': {
        const gatewayId = this.resources.gatewayOf(input.resourceId)
        if (gatewayId !== undefined) this.#tellConnections({ type: 'pathQuestioned', peer: gatewayId }, now)
        return this.#tellFlows(input, now)
      }
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
      case 'connectionsEnded':
        for (let at = 0; at < input.count; at++) this.#machine.count('connection-reset')
        return
      case 'stopped':
        this.#tellConnections({ type: 'serversOffered', stunServers: [], relays: [] }, now)
        return this.#tellPortal(input, now)
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
        this.resources.portalIsBack()
        this.#tellAccess({ type: 'portalReached' }, now)
        return this.#tellPathReports(output, now)
      case 'answered':
        return this.#tellConnections({ type: 'networkAnswered' }, now)
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
      case 'authorizationCreated':
      case 'authorizationCreationFailed':
        return this.#tellAccess({ type: 'portalAnswered', answer: message }, now)
      case 'iceCandidates':
      case 'invalidateIceCandidates': {
        const { gateway_id: peer, candidates } = message.payload
        const type = message.event === 'iceCandidates' ? 'remoteCandidatesAdded' : 'remoteCandidatesRemoved'
        return this.#tellConnections({ type, peer, candidates }, now)
      }
      case 'gatewayGone':
        return this.#tellConnections({ type: 'peerDoubted', peer: message.payload.gateway_id }, now)
      case 'reportPaths':
        return this.#tellPathReports({ type: 'reportsWanted', intervalMs: message.payload.interval_ms }, now)
      default:
        return this.#assignment.take(message, now)
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
        return this.#tellAccess({ ...output, type: 'accessWanted', portalLostAt: this.#portal.lostAt }, now)
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

  #onAccess(output: ResourceAccessOutput, now: Instant): void {
    switch (output.type) {
      case 'say':
        return this.#say(output.message, now)
      case 'grantTaken':
        return this.#tellConnections({ type: 'granted', grant: output.grant }, now)
      case 'flowsTold': {
        this.#tellLane(output, now)
        const { type } = output.input
        if (type !== 'accessDenied' && type !== 'resourceUnreachable') return
        return this.#tellNames({ type: 'siteNotReached', resourceId: output.input.resourceId }, now)
      }
      case 'siteAnswered':
        return this.#tellNames(output, now)
      default:
        this.#outputs.push(output)
    }
  }

  #onNames(output: NameServiceOutput, now: Instant): void {
    switch (output.type) {
      case 'flowsTold':
        return this.#tellLane(output, now)
      case 'askSite':
        return this.#tellAccess(output, now)
      case 'cancelSiteAsk':
        this.#tellAccess(output, now)
        this.#outputs.push(output)
        return
      default:
        this.#outputs.push(output)
    }
  }

  #onConnections(output: ConnectionsOutput, now: Instant): void {
    switch (output.type) {
      case 'flowsTold':
      case 'keysExported':
        return this.#tellLane(output, now)
      case 'disconnected':
      case 'pathTaken':
        this.#tellPathReports({ type: 'pathChanged' }, now)
        return this.#tellAccess(output, now)
      case 'granted':
      case 'connected':
        return this.#tellAccess(output, now)
      case 'pathUnanswered':
        return this.#tellPortal({ type: 'answerWanted' }, now)
      case 'transportFaulted':
        return this.#note(this.#transportNews.hear(output, now))
      case 'say':
        return this.#say(output.message, now)
      default:
        this.#outputs.push(output)
    }
  }

  #note(note: Note | undefined): void {
    if (note !== undefined) this.#outputs.push(note)
  }

  /**
   * Sends a message to the portal. While it is not connected, messages are held back, except requests, which are made
   * again when there is still reason to.
   */
  #say(message: ToPortal<'client'>, now: Instant): void {
    this.#tellPortal({ type: 'send', hold: !ASKED_AGAIN.has(message.event), ...message }, now)
  }
}
