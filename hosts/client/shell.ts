import type { PeerEnd } from '../../core/config/host-config.ts'
import type { UpstreamResolver, UpstreamVerdict } from '../../core/contract/upstream-resolver.ts'
import { askServer } from '../../core/dns/ask-server.ts'
import type { ClientFlowsInput, ClientFlowsOutput } from '../../core/flow/client/client-flows.ts'
import { hairpinSentinel } from '../../core/flow/client/tcp-hairpin.ts'
import type { LaneCommand, LaneReport } from '../../core/flow/lane.ts'
import { askResolver, discoverServers } from '../../core/plugin/ask-resolver.ts'
import type { Extensions } from '../../core/plugin/extension-point.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import type { DnsExchange } from '../../core/runtime/dns-exchange.ts'
import type { DnsListeners } from '../../core/runtime/dns-listener.ts'
import { drive, type Driven } from '../../core/runtime/drive.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import {
  OWN_SOCKET_MARK,
  type NetworkConfiguration,
  type ResolverConfiguration,
} from '../../core/runtime/network-configuration.ts'
import type { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import { writeNote } from '../../core/runtime/note.ts'
import { SECOND } from '../../core/runtime/time.ts'
import type { WebSockets } from '../../core/runtime/web-socket.ts'
import { logDrops } from '../peer/drop-log.ts'
import { OpenAsks } from '../peer/open-asks.ts'
import { PortalConnection, type PeerIdentity } from '../peer/portal-connection.ts'
import { TaskQueue } from '../peer/task-queue.ts'
import type { CarrierOptions, PacketCarrier } from '../runtime/lane/carrier.ts'
import type { ClientConfig } from './config.ts'
import { NameListeners } from './name-listeners.ts'
import type { Ask } from './names/name-inspection.ts'
import { BYPASS } from './names/upstreams.ts'
import type { ClientInput, ClientOutput } from './state-messages.ts'
import type { ClientState } from './state.ts'

export interface ClientPorts {
  clock: Clock
  logger: Logger
  /** Opens the device and the sockets. */
  openCarrier: (
    options: CarrierOptions<LaneReport<ClientFlowsOutput>>,
  ) => Promise<PacketCarrier<LaneCommand<ClientFlowsInput>>>
  listeners: DnsListeners
  webSockets: WebSockets
  interfaces: NetworkInterfaces
  network: NetworkConfiguration
  resolver: ResolverConfiguration
  upstreams: Extensions<UpstreamResolver>
  /** Unmarked, for what the client itself asks of its gateways, through the tunnel. */
  exchange: DnsExchange
  /** Whose sockets go around the tunnel. */
  bypassingExchange: DnsExchange
}

const SITE_TIMEOUT = 1 * SECOND
const BYPASS_TIMEOUT = 5 * SECOND

/** Carries out what the client's machine asks for, and tells it what happens. */
export class ClientShell {
  readonly #state: ClientState
  readonly #config: ClientConfig
  readonly #ports: ClientPorts
  readonly #tasks: TaskQueue
  readonly #portal: PortalConnection<'client'>
  readonly #names: NameListeners
  readonly #driven: Driven<ClientInput>
  readonly #asks = new OpenAsks()
  readonly #inspections = new Map<number, (answered: Awaited<ReturnType<Ask>>) => void>()
  #lastInspection = 0
  readonly #siteAsks = new OpenAsks()
  readonly #ended: Promise<PeerEnd>
  #end: (end: PeerEnd) => void = () => undefined
  #carrier: PacketCarrier<LaneCommand<ClientFlowsInput>> | undefined
  #unwatch: (() => void) | undefined
  #endDropLog: (() => void) | undefined
  #known = ''
  #prefixes: readonly string[] | undefined

  constructor(state: ClientState, setUp: { config: ClientConfig; ports: ClientPorts; identity: PeerIdentity }) {
    this.#state = state
    this.#config = setUp.config
    this.#ports = setUp.ports
    const { clock, logger, listeners } = setUp.ports
    this.#portal = new PortalConnection({
      role: 'client',
      portalUrl: setUp.config.portal_url,
      identity: setUp.identity,
      mark: OWN_SOCKET_MARK,
      ports: setUp.ports,
      tell: (input) => this.tell(input),
    })
    this.#ended = new Promise((resolve) => (this.#end = resolve))
    this.#tasks = new TaskQueue((error, what) => logger.warn({ error }, `${what} failed`))
    this.#names = new NameListeners(listeners, {
      device: setUp.config.device,
      // D16: only what the packet engine has turned round comes from there.
      accepts: (peer) => hairpinSentinel(peer) !== undefined,
      onQuery: (connection, message, peer) => {
        const sentinel = hairpinSentinel(peer) ?? ''
        this.tell({ type: 'tcpQueryReceived', connection, sentinel, message })
      },
      onError: (error) => logger.warn({ error }, 'DNS over TCP failed'),
    })
    this.#driven = drive<ClientInput, ClientOutput>(state, {
      clock,
      perform: (output) => this.#perform(output),
      settled: () => this.#carrier?.flush(),
    })
  }

  get ended(): Promise<PeerEnd> {
    return this.#ended
  }

  /** Whether addresses, routes and resolver are as the machine asked for. */
  get isSettled(): boolean {
    return this.#tasks.isIdle
  }

  /** Rejects where the device or the sockets cannot be had. */
  async start(): Promise<void> {
    const { clock, logger, openCarrier, interfaces, resolver } = this.#ports
    const { device, mtu, udp_port: port } = this.#config
    this.#carrier = await openCarrier({
      device: { name: device, mtu },
      udp: { port, mark: OWN_SOCKET_MARK },
      onDatagrams: (datagrams) => this.tell({ type: 'datagramsReceived', datagrams }),
      onTunPackets: (packets) => this.tell({ type: 'tunPackets', packets }),
      onReport: (report) => this.tell({ type: 'laneReported', report }),
      onFailure: (error) => {
        logger.error({ error }, 'packets do not move any more')
        this.#end({ reason: 'stopped', detail: error.message })
      },
      onSocketError: (error) => logger.warn({ error }, 'a socket failed'),
    })
    try {
      await this.#ports.network.claim(device)
    } catch (error) {
      await this.#carrier.close()
      this.#carrier = undefined
      throw error
    }
    // Only now: until the device was had, another client may be running, whose configuration it would be.
    await resolver.restore()
    this.tell({ type: 'socketsOpened', ports: this.#carrier.ports })
    this.#look()
    this.#unwatch = interfaces.watch(() => this.#look())
    this.#endDropLog = logDrops({ clock, logger, counters: () => this.#state.counters() })
    this.tell({ type: 'started' })
  }

  /** Leaves the machine as it was before. */
  async stop(): Promise<void> {
    const { network, resolver } = this.#ports
    this.tell({ type: 'stopped' })
    this.#driven.stop()
    this.#unwatch?.()
    this.#endDropLog?.()
    this.#portal.close()
    this.#asks.cancelAll()
    this.#siteAsks.cancelAll()
    if (this.#carrier !== undefined) {
      this.#tasks.add('restoring the resolver', () => resolver.restore())
      this.#tasks.add('closing the DNS listeners', () => this.#names.close())
      this.#tasks.add('restoring the network', () => network.clear())
      await this.#tasks.idle()
      await this.#carrier.close()
    }
    this.#end({ reason: 'stopped' })
  }

  /** Has a message answered as an application's is. */
  answer(message: Uint8Array, protocol: 'udp' | 'tcp'): ReturnType<Ask> {
    const inspection = ++this.#lastInspection
    return new Promise((resolve) => {
      this.#inspections.set(inspection, resolve)
      this.tell({ type: 'inspectionRequested', inspection, message, protocol })
    })
  }

  tell(input: ClientInput): void {
    this.#driven.dispatch(input)
  }

  /** Addresses and upstream servers may have changed. */
  #look(): void {
    const addresses = this.#ports.interfaces.addresses(this.#config.device)
    const upstreams = discoverServers(this.#ports.upstreams.get('system')?.value)
    const found = JSON.stringify([addresses, upstreams])
    if (found === this.#known) return
    this.#known = found
    this.tell({ type: 'addressesChanged', addresses })
    this.tell({ type: 'systemUpstreamsFound', upstreams })
    // What is local stays so with an Internet resource, too.
    this.#setRoutes()
  }

  /** Without a listener the packet engine refuses DNS over TCP: it is never led to what somebody else listens with. */
  async #listen(addresses: readonly string[]): Promise<void> {
    this.tell({ type: 'listenersOpened', ports: {} })
    const ports = await this.#names.listenOn(addresses)
    this.tell({ type: 'listenersOpened', ports })
  }

  #setRoutes(): void {
    const prefixes = this.#prefixes
    if (prefixes === undefined) return
    this.#tasks.add('setting routes', () => this.#ports.network.setRoutes(this.#config.device, prefixes))
  }

  #perform(output: ClientOutput): void {
    const { network, resolver } = this.#ports
    const { device } = this.#config
    switch (output.type) {
      case 'sendDatagram':
        this.#carrier?.sendDatagram({ peer: output.peer, bytes: output.datagram, isProbe: output.isProbe })
        return
      case 'writeTun':
        this.#carrier?.writeTun(output.packet)
        return
      case 'tellWorker':
        this.#carrier?.tell(output.command)
        return
      case 'openConnection':
        return this.#portal.open()
      case 'closeConnection':
        return this.#portal.close()
      case 'sendText':
        return this.#portal.send(output.text)
      case 'configureInterface': {
        const addresses = [output.ipv4, output.ipv6]
        this.#tasks.add('setting addresses', () => network.setAddresses(device, addresses))
        this.#tasks.add('listening for DNS over TCP', () => this.#listen(addresses))
        return
      }
      case 'setRoutes':
        this.#prefixes = output.prefixes
        return this.#setRoutes()
      case 'configureResolver': {
        const { servers, searchDomain } = output
        this.#tasks.add('setting the resolver', () => resolver.set({ device, servers, searchDomain }))
        return
      }
      case 'askUpstream':
        return this.#ask(output)
      case 'askGateway':
        return this.#askGateway(output)
      case 'cancelSiteAsk':
        return this.#siteAsks.cancel(output.ask)
      case 'cancelAsk':
        return this.#asks.cancel(output.ask)
      case 'inspected':
        this.#inspections.get(output.inspection)?.(output)
        this.#inspections.delete(output.inspection)
        return
      case 'answerTcpQuery':
        return this.#names.answer(output.connection, output.message)
      case 'note':
        return writeNote(output, this.#ports.logger)
      case 'end':
        this.#end({ reason: output.reason, detail: output.detail })
    }
  }

  #ask({ ask, kind, server, message, protocol }: Extract<ClientOutput, { type: 'askUpstream' }>): void {
    const resolver = this.#ports.upstreams.get(kind)?.value
    const asked = async (signal: AbortSignal): Promise<UpstreamVerdict> => {
      if (kind === BYPASS && server.endpoint !== undefined) {
        const { bypassingExchange } = this.#ports
        const query = { server: server.endpoint, message, protocol, signal, timeoutMs: BYPASS_TIMEOUT }
        return askServer(bypassingExchange, query)
      }
      if (resolver === undefined) return { type: 'failed', code: 'unsupported', reason: `no resolver plugin ${kind}` }
      return askResolver(resolver, { server, message, protocol, signal })
    }
    void this.#asks.begin(ask, asked).then((verdict) => this.tell({ type: 'upstreamAnswered', ask, verdict }))
  }

  /** Through the tunnel, by ordinary sockets. What is lost there is asked again until the machine has had enough. */
  #askGateway({ ask, server, message, protocol }: Extract<ClientOutput, { type: 'askGateway' }>): void {
    const { exchange } = this.#ports
    const asked = async (signal: AbortSignal): Promise<UpstreamVerdict> => {
      const query = { server, message, protocol, signal }
      let verdict = await askServer(exchange, { ...query, timeoutMs: SITE_TIMEOUT })
      while (verdict.type === 'failed' && verdict.code === 'timeout') {
        verdict = await askServer(exchange, { ...query, timeoutMs: SITE_TIMEOUT })
      }
      return verdict
    }
    void this.#siteAsks.begin(ask, asked).then((verdict) => this.tell({ type: 'siteAnswered', ask, verdict }))
  }
}
