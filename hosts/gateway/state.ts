// Machine of a gateway: connects the link to the portal, the clients with a grant, the packet engine, the tunnels and the
// resolver of the site's names. It enforces authorizations itself, also while the portal is unreachable.
import { flowResource } from '../../core/control/flow-resource.ts'
import type { FromPortal, ToPortal } from '../../core/control/messages.ts'
import type { PortalProblem } from '../../core/control/portal-problem.ts'
import { OfferedRelays } from '../../core/control/offered-relays.ts'
import { SiteResolver, type SiteResolverInput } from '../../core/dns/site-resolver.ts'
import { SiteService, type SiteServiceInput } from '../../core/dns/site-service.ts'
import { GatewayFlows, type GatewayFlowsInput, type GatewayFlowsOutput } from '../../core/flow/gateway/gateway-flows.ts'
import { ScriptLane, type DropCounts, type Lane, type LaneInput, type LaneOutput } from '../../core/flow/lane.ts'
import { PeerPaths, type PeerPathsInput, type PeerPathsOutput } from '../../core/ice/peer-paths.ts'
import { TransportNews, transportStatus, type TransportStatus } from '../../core/ice/transport-news.ts'
import { toldRanges } from '../../core/net/address-ranges.ts'
import { HeldMachines, type Tell } from '../../core/runtime/held-machines.ts'
import type { Deadline, Machine } from '../../core/runtime/machine.ts'
import type { Note } from '../../core/runtime/note.ts'
import { OutputQueue } from '../../core/runtime/output-queue.ts'
import { DAY, type Instant } from '../../core/runtime/time.ts'
import { candidateBroadcasts } from './candidate-broadcasts.ts'
import { GatewayNews } from './gateway-news.ts'
import {
  GrantedClients,
  type GrantedClient,
  type GrantedClientsInput,
  type GrantedClientsOutput,
} from './granted-clients.ts'
import { LoadReports, type LoadReportsInput } from './load-reports.ts'
import { NameReports } from './name-reports.ts'
import { ProblemReports } from './problem-reports.ts'
import type { NameQuery } from '../peer/name-sockets.ts'
import { PathReports, type PathReportsInput } from '../peer/path-reports.ts'
import type { PathsKnown } from '../peer/peer-path.ts'
import { pathMessages, pathsToClients } from './path-messages.ts'
import { PortalSide, type LinkState, type PortalSideInput, type PortalSideOutput } from '../peer/portal-side.ts'
import type { GatewayInput, GatewayOutput } from './state-messages.ts'
import type { GatewayStateOptions } from './state-options.ts'

/** Machine of a gateway. */
export class GatewayState implements Machine<GatewayInput, GatewayOutput> {
  readonly #portal: PortalSide<'gateway'>
  readonly #news = new GatewayNews()
  readonly #transport: string
  readonly #transportNews: TransportNews
  readonly #lane: Lane<GatewayFlowsInput, GatewayFlowsOutput>
  readonly #resolver: SiteResolver
  readonly #service = new SiteService<NameQuery>()
  readonly #paths: PeerPaths
  readonly #held = new HeldMachines()
  readonly #tellPortal: Tell<PortalSideInput<'gateway'>>
  readonly #tellLane: Tell<LaneInput<GatewayFlowsInput, GatewayFlowsOutput>>
  readonly #tellResolver: Tell<SiteResolverInput>
  readonly #tellService: Tell<SiteServiceInput<NameQuery>>
  readonly #tellPaths: Tell<PeerPathsInput>
  readonly #servers = new OfferedRelays()
  readonly #clients: GrantedClients
  readonly #tellClients: Tell<GrantedClientsInput>
  readonly #tellLoadReports: Tell<LoadReportsInput>
  readonly #tellPathReports: Tell<PathReportsInput>
  readonly #allowsOwnAddresses: boolean
  readonly #nameReports = new NameReports()
  readonly #problemReports = new ProblemReports()
  readonly #outputs = new OutputQueue<GatewayOutput>()
  #configured = ''

  constructor(options: GatewayStateOptions) {
    const {
      random,
      tunnel,
      transport = 'unnamed',
      lane,
      clocksAt,
      allowsOwnAddresses = false,
      portalUrl,
      mtu,
      advertised,
    } = options
    this.#transport = transport
    this.#transportNews = new TransportNews(transport)
    this.#allowsOwnAddresses = allowsOwnAddresses
    this.#lane = lane ?? new ScriptLane(new GatewayFlows())
    this.#portal = new PortalSide({
      role: 'gateway',
      random,
      url: portalUrl,
      patienceMs: 1 * DAY,
      connectedBy: 'linkUp',
    })
    this.#resolver = new SiteResolver({ random })
    this.#paths = new PeerPaths({ role: 'controlled', random, tunnel, mtu, advertised })
    this.#clients = new GrantedClients({ clocksAt })
    this.#tellPortal = this.#held.hold(this.#portal, (output, now) => this.#onPortal(output, now))
    this.#tellClients = this.#held.hold(this.#clients, (output, now) => this.#onClients(output, now))
    this.#tellLane = this.#held.hold(this.#lane, (output, now) => this.#onLane(output, now))
    this.#tellResolver = this.#held.hold(this.#resolver, (output, now) => {
      if (output.type === 'resolved') this.#tellFlows(output, now)
      else this.#outputs.push(output)
    })
    this.#tellService = this.#held.hold(this.#service, (output, now) => {
      if (output.type === 'judgeName') this.#tellFlows({ ...output, type: 'nameAsked' }, now)
      else this.#outputs.push(output)
    })
    this.#tellLoadReports = this.#held.hold(new LoadReports(), (output, now) => {
      if (output.type === 'say') this.#tellPortal({ type: 'send', ...output.message }, now)
      else this.#outputs.push(output)
    })
    const pathReports = new PathReports(() => pathsToClients(this))
    this.#tellPathReports = this.#held.hold(pathReports, ({ changed }, now) => {
      for (const message of pathMessages(changed)) this.#tellPortal({ type: 'send', ...message }, now)
    })
    this.#tellPaths = this.#held.hold(this.#paths, (output, now) => this.#onPaths(output, now))
  }

  get linkState(): LinkState {
    return this.#portal.state
  }

  /** Why the portal is not reached; undefined while it is reached, and before the first attempt. */
  get portalProblem(): PortalProblem | undefined {
    return this.#portal.problem
  }

  /** Tunnel transport plugin, and its problem, if any. */
  get transport(): TransportStatus {
    return transportStatus(this.#transport, this.#paths.tunnels.trouble)
  }

  /** Endpoints at which this gateway can be reached, and how they are known. */
  get reach(): PeerPaths['reach'] {
    return this.#paths.reach
  }

  /** Ids of the clients with a grant. */
  get clientIds(): string[] {
    return this.#clients.ids
  }

  /** Clients with a grant, for people. */
  get grantedClients(): GrantedClient[] {
    return this.#clients.all()
  }

  /** Paths to clients, for people. */
  get paths(): PathsKnown {
    return this.#paths.tunnels
  }

  counters(): DropCounts {
    return {
      link: this.#portal.counters(),
      ...this.#lane.counters(),
      resolver: this.#resolver.counters(),
      service: this.#service.counters(),
      tunnels: this.#paths.counters(),
    }
  }

  handle(input: GatewayInput, now: Instant): void {
    switch (input.type) {
      case 'stopped':
        // The portal is told first, so that it does not choose this gateway for the clients, which then ask for
        // another.
        this.#tellPortal(input, now)
        this.#tellFlows({ type: 'retainOnly', grants: [] }, now)
        return this.#tellPaths({ type: 'serversOffered', stunServers: [], relays: [] }, now)
      case 'hostProblemsChanged':
        return this.#report(this.#problemReports.problemsChanged(input.problems), now)
      case 'socketsOpened':
      case 'nat64Changed':
      case 'socketOpened':
      case 'socketClosed':
        return this.#tellPaths(input, now)
      case 'addressesChanged':
        this.#tellPortal(input, now)
        this.#tellFlows({ ...input, type: 'ownAddressesChanged' }, now)
        if (!this.#allowsOwnAddresses) this.#tellResolver({ ...input, type: 'ownAddressesChanged' }, now)
        return this.#tellPaths(input, now)
      case 'datagramsReceived':
        for (const { from, bytes: datagram } of input.datagrams) {
          this.#tellPaths({ type: 'datagramReceived', from, datagram }, now)
        }
        return
      case 'laneReported':
        return this.#tellLane({ type: 'workerReported', report: input.report }, now)
      case 'tunPackets':
        return this.#tellFlows(input, now)
      case 'systemAnswered':
        return this.#tellResolver(input, now)
      case 'loadRead':
        return this.#tellLoadReports(input, now)
      case 'siteQueryReceived':
      case 'forwardAnswered':
        return this.#tellService(input, now)
      default:
        return this.#tellPortal(input, now)
    }
  }

  wake(now: Instant): void {
    this.#held.wake(now)
  }

  poll(): GatewayOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#held.deadline()
  }

  #onPortal(output: PortalSideOutput<'gateway'>, now: Instant): void {
    switch (output.type) {
      case 'deliver':
        return this.#onMessage(output, now)
      case 'linkUp':
        this.#tellPathReports(output, now)
        return this.#tellLoadReports(output, now)
      case 'answered':
        return
      case 'end':
        // The link has ended for good, for example as the token was refused, so all grants end.
        this.#tellFlows({ type: 'retainOnly', grants: [] }, now)
        this.#outputs.push(output)
        return
      default:
        this.#outputs.push(output)
    }
  }

  #onMessage(message: FromPortal<'gateway'>, now: Instant): void {
    switch (message.event) {
      case 'init':
        this.#problemReports.joined()
        return this.#resynchronise(message.payload, now)
      case 'createAuthorization':
        this.#nameReports.areWanted = message.payload.site_findings === true
        return this.#tellClients({ type: 'grantReceived', created: message.payload }, now)
      case 'rejectAccess':
        return this.#tellClients({ type: 'withdrawalReceived', rejected: message.payload }, now)
      case 'reportProblems':
        return this.#report(this.#problemReports.asked(), now)
      case 'reportLoad':
        return this.#tellLoadReports({ type: 'reportsWanted', intervalMs: message.payload.interval_ms }, now)
      case 'reportPaths':
        return this.#tellPathReports({ type: 'reportsWanted', intervalMs: message.payload.interval_ms }, now)
      case 'resourceUpdated':
        return this.#tellFlows({ type: 'resourceUpdated', resource: flowResource(message.payload) }, now)
      case 'iceCandidates': {
        const { client_id, candidates } = message.payload
        return this.#tellPaths({ type: 'remoteCandidatesAdded', peer: client_id, candidates }, now)
      }
      case 'invalidateIceCandidates': {
        const { client_id, candidates } = message.payload
        return this.#tellPaths({ type: 'remoteCandidatesRemoved', peer: client_id, candidates }, now)
      }
      case 'relaysPresence':
        this.#servers.change(message.payload)
        return this.#offerServers(now)
    }
  }

  #resynchronise(init: Extract<FromPortal<'gateway'>, { event: 'init' }>['payload'], now: Instant): void {
    this.#servers.replaceAll(init.relays)
    this.#offerServers(now)
    const { ipv4, ipv6, address_ranges: texts } = init.interface
    const masquerade = {
      masqueradeIpv4: init.config.ipv4_masquerade_enabled,
      masqueradeIpv6: init.config.ipv6_masquerade_enabled,
    }
    const wanted = JSON.stringify({ ipv4, ipv6, texts, masquerade })
    if (wanted !== this.#configured) {
      this.#configured = wanted
      const ranges = toldRanges(texts)
      this.#outputs.push({ type: 'configureInterface', ipv4, ipv6, ranges, ...masquerade })
      this.#tellFlows({ type: 'interfaceConfigured', ipv4, ipv6, ranges }, now)
      this.#tellResolver({ type: 'rangesChanged', ranges: ranges.own }, now)
    }
    this.#tellClients({ type: 'grantsListed', authorizations: init.authorizations ?? [] }, now)
  }

  #onClients(output: GrantedClientsOutput, now: Instant): void {
    switch (output.type) {
      case 'flowsTold':
        return this.#tellLane(output, now)
      case 'addTunnel': {
        this.#tellPaths(output.peer, now)
        const isRefused = this.#paths.tunnels.trouble?.call === 'peerAdded'
        return this.#tellClients({ type: isRefused ? 'tunnelRefused' : 'tunnelAdded', grant: output.grant }, now)
      }
      case 'removeTunnel':
        return this.#tellPaths({ type: 'peerRemoved', peer: output.peer }, now)
      case 'say':
        return this.#say(output.message, now)
      case 'tellCandidates': {
        const payload = { client_ids: [output.peer], candidates: this.#paths.lines }
        return this.#say({ event: 'broadcastIceCandidates', payload }, now)
      }
    }
  }

  #tellFlows(input: GatewayFlowsInput, now: Instant): void {
    this.#tellLane({ type: 'flowsTold', input }, now)
  }

  #onLane(output: LaneOutput<GatewayFlowsInput, GatewayFlowsOutput>, now: Instant): void {
    if (output.type === 'flowsOutput') this.#onFlows(output.output, now)
    else if (output.type === 'tellWorker') this.#outputs.push(output)
    else this.#tellPaths(output, now)
  }

  #onFlows(output: GatewayFlowsOutput, now: Instant): void {
    switch (output.type) {
      case 'writeTun':
        this.#outputs.push(output)
        return
      case 'sendPacket':
        return this.#tellPaths({ type: 'packetQueued', peer: output.peer, packet: output.packet }, now)
      case 'resolve':
        return this.#tellResolver({ ...output, type: 'lookupRequested' }, now)
      case 'removePeer':
        return this.#tellClients(output, now)
      case 'granted':
      case 'withdrawn':
        // The portal waits for the acknowledgement.
        this.#tellClients(output, now)
        return this.#note(this.#news.access(output, now))
      case 'nameJudged':
        return this.#tellService(output, now)
      case 'nameResolved':
        return this.#report(this.#nameReports.nameResolved(output, now), now)
      case 'expired':
        // The portal is not told, as it knows the time of expiry.
        return this.#note(this.#news.access(output, now))
    }
  }

  #onPaths(output: PeerPathsOutput, now: Instant): void {
    switch (output.type) {
      case 'candidatesChanged':
        for (const message of candidateBroadcasts(this.clientIds, output)) this.#say(message, now)
        return
      case 'noneRelays':
        // Held back while the portal is away, it would ask for what is known by then.
        return this.#tellPortal({ type: 'send', event: 'noRelays', payload: {} }, now)
      case 'flowsTold':
      case 'keysExported':
        return this.#tellLane(output, now)
      case 'transportFaulted':
        return this.#note(this.#transportNews.hear(output, now))
      case 'pathChosen':
      case 'pathLost':
      case 'peerFailed':
        this.#tellPathReports({ type: 'pathChanged' }, now)
        // A client that is not reached keeps its grants until they expire, and may return.
        return this.#note(this.#news.path(output, now))
      case 'sessionEstablished':
      case 'pathUnanswered':
        return
      default:
        this.#outputs.push(output)
    }
  }

  #offerServers(now: Instant): void {
    const { stunServers, relays } = this.#servers
    this.#tellPaths({ type: 'serversOffered', stunServers, relays }, now)
  }

  #report(report: ToPortal<'gateway'> | undefined, now: Instant): void {
    if (report !== undefined) this.#say(report, now)
  }

  #note(note: Note | undefined): void {
    if (note !== undefined) this.#outputs.push(note)
  }

  /** Sends a message to the portal; while it is not connected, the message is held back. */
  #say(message: ToPortal<'gateway'>, now: Instant): void {
    this.#tellPortal({ type: 'send', hold: true, ...message }, now)
  }
}
