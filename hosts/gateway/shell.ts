import type { PeerEnd } from '../../core/config/host-config.ts'
import { SITE_RESOLVER_PORT } from '../../core/dns/site-service.ts'
import type { GatewayFlowsInput, GatewayFlowsOutput } from '../../core/flow/gateway/gateway-flows.ts'
import type { LaneCommand, LaneReport } from '../../core/flow/lane.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import type { DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import type { DnsListeners } from '../../core/runtime/dns-listener.ts'
import { drive, type Driven } from '../../core/runtime/drive.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { NetworkConfiguration } from '../../core/runtime/network-configuration.ts'
import type { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import { writeNote } from '../../core/runtime/note.ts'
import type { WebSockets } from '../../core/runtime/web-socket.ts'
import { logDrops } from '../peer/drop-log.ts'
import { OpenAsks } from '../peer/open-asks.ts'
import { PortalConnection, type PeerIdentity } from '../peer/portal-connection.ts'
import { TaskQueue } from '../peer/task-queue.ts'
import type { CarrierOptions, PacketCarrier } from '../runtime/lane/carrier.ts'
import type { GatewayConfig } from './config.ts'
import { SiteListeners } from './site-listeners.ts'
import type { SiteNames } from './site-names.ts'
import type { GatewayInput, GatewayOutput } from './state-messages.ts'
import { CLIENT_PREFIXES, type GatewayState } from './state.ts'

export interface GatewayPorts {
  clock: Clock
  logger: Logger
  /** Opens the device and the sockets. */
  openCarrier: (
    options: CarrierOptions<LaneReport<GatewayFlowsOutput>>,
  ) => Promise<PacketCarrier<LaneCommand<GatewayFlowsInput>>>
  /** Of the name service for clients. */
  sockets: DatagramSockets
  listeners: DnsListeners
  webSockets: WebSockets
  interfaces: NetworkInterfaces
  network: NetworkConfiguration
  /** Resolves the site's names. */
  names: SiteNames
}

/** Carries out what the gateway's machine asks for, and tells it what happens. */
export class GatewayShell {
  readonly #state: GatewayState
  readonly #config: GatewayConfig
  readonly #ports: GatewayPorts
  readonly #tasks: TaskQueue
  readonly #portal: PortalConnection<'gateway'>
  readonly #driven: Driven<GatewayInput>
  readonly #asks = new OpenAsks()
  readonly #siteAsks = new OpenAsks()
  readonly #siteListeners: SiteListeners
  readonly #ended: Promise<PeerEnd>
  #end: (end: PeerEnd) => void = () => undefined
  #carrier: PacketCarrier<LaneCommand<GatewayFlowsInput>> | undefined
  #unwatch: (() => void) | undefined
  #endDropLog: (() => void) | undefined
  #known = ''

  constructor(state: GatewayState, setUp: { config: GatewayConfig; ports: GatewayPorts; identity: PeerIdentity }) {
    this.#state = state
    this.#config = setUp.config
    this.#ports = setUp.ports
    const { clock, logger, sockets, listeners } = setUp.ports
    this.#portal = new PortalConnection({
      role: 'gateway',
      portalUrl: setUp.config.portal_url,
      identity: setUp.identity,
      ports: setUp.ports,
      tell: (input) => this.tell(input),
    })
    this.#ended = new Promise((resolve) => (this.#end = resolve))
    this.#tasks = new TaskQueue((error, what) => logger.warn({ error }, `${what} failed`))
    this.#siteListeners = new SiteListeners({
      sockets,
      listeners,
      port: SITE_RESOLVER_PORT,
      device: setUp.config.device,
      onQuery: (query, client, message) =>
        this.tell({ type: 'siteQueryReceived', query, client, message, protocol: query.via }),
      onError: (error) => logger.warn({ error }, "the clients' DNS failed"),
    })
    this.#driven = drive<GatewayInput, GatewayOutput>(state, {
      clock,
      perform: (output) => this.#perform(output),
      settled: () => this.#carrier?.flush(),
    })
  }

  get ended(): Promise<PeerEnd> {
    return this.#ended
  }

  /** Rejects where the device or the sockets cannot be had. */
  async start(): Promise<void> {
    const { clock, logger, openCarrier, interfaces } = this.#ports
    const { device, mtu, udp_port: port } = this.#config
    this.#carrier = await openCarrier({
      device: { name: device, mtu },
      udp: { port },
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
    this.tell({ type: 'socketsOpened', ports: this.#carrier.ports })
    this.#look()
    this.#unwatch = interfaces.watch(() => this.#look())
    this.#endDropLog = logDrops({ clock, logger, counters: () => this.#state.counters() })
    this.tell({ type: 'started' })
  }

  /** Says goodbye and leaves the machine as it was before. */
  async stop(): Promise<void> {
    this.tell({ type: 'stopped' })
    this.#driven.stop()
    this.#unwatch?.()
    this.#endDropLog?.()
    this.#portal.close()
    this.#asks.cancelAll()
    this.#siteAsks.cancelAll()
    this.#tasks.add("closing the clients' DNS", () => this.#siteListeners.close())
    this.#tasks.add('restoring the network', () => this.#ports.network.clear())
    await this.#tasks.idle()
    await this.#carrier?.close()
    this.#end({ reason: 'stopped' })
  }

  tell(input: GatewayInput): void {
    this.#driven.dispatch(input)
  }

  #look(): void {
    const addresses = this.#ports.interfaces.addresses(this.#config.device)
    const found = addresses.join()
    if (found === this.#known) return
    this.#known = found
    this.tell({ type: 'addressesChanged', addresses })
  }

  #perform(output: GatewayOutput): void {
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
      case 'configureInterface':
        return this.#configure(output)
      case 'askSystem':
        return this.#ask(output)
      case 'askSite':
        return this.#askSite(output)
      case 'cancelSiteAsk':
        return this.#siteAsks.cancel(output.ask)
      case 'answerSiteQuery':
        this.#siteListeners.answer(output.query, output.message)
        return
      case 'cancelAsk':
        return this.#asks.cancel(output.ask)
      case 'note':
        return writeNote(output, this.#ports.logger)
      case 'end':
        this.#end({ reason: output.reason, detail: output.detail })
    }
  }

  #configure({ ipv4, ipv6, ...masquerade }: Extract<GatewayOutput, { type: 'configureInterface' }>): void {
    const { network } = this.#ports
    const { device } = this.#config
    this.#tasks.add('setting addresses', () => network.setAddresses(device, [ipv4, ipv6]))
    this.#tasks.add("listening for clients' DNS", () => this.#siteListeners.listenOn([ipv4, ipv6]))
    this.#tasks.add('setting routes', () => network.setRoutes(device, CLIENT_PREFIXES))
    this.#tasks.add('forwarding', () =>
      network.enableForwarding(device, { ...masquerade, servicePort: SITE_RESOLVER_PORT }),
    )
  }

  #ask({ ask, message }: Extract<GatewayOutput, { type: 'askSystem' }>): void {
    const asked = this.#asks.begin(ask, (signal) => this.#ports.names.resolve({ message, protocol: 'udp', signal }))
    void asked.then((verdict) => this.tell({ type: 'systemAnswered', ask, verdict }))
  }

  #askSite({ ask, ...query }: Extract<GatewayOutput, { type: 'askSite' }>): void {
    const asked = this.#siteAsks.begin(ask, (signal) => this.#ports.names.resolve({ ...query, signal }))
    void asked.then((verdict) => this.tell({ type: 'siteAnswered', ask, verdict }))
  }
}
