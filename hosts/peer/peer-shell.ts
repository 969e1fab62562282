import type { PeerEnd } from '../../core/config/host-config.ts'
import type { Role } from '../../core/control/messages.ts'
import type { DropCounts, LaneCommand, LaneReport } from '../../core/flow/lane.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import type { DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import { drive, type Driven } from '../../core/runtime/drive.ts'
import type { HostProblems } from '../../core/runtime/host-problems.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { Machine } from '../../core/runtime/machine.ts'
import type { NetworkConfiguration } from '../../core/runtime/network-configuration.ts'
import type { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import { writeNote, type Note } from '../../core/runtime/note.ts'
import type { WebSockets } from '../../core/runtime/web-socket.ts'
import type { CarrierOptions, PacketCarrier } from '../runtime/lane/carrier.ts'
import { checkPort } from './check-port.ts'
import { HostProblemError, lookUpAll } from '../runtime/index.ts'
import { logDrops } from './drop-log.ts'
import { Nat64Discovery } from './nat64-discovery.ts'
import { offeredAddresses } from './offered-addresses.ts'
import type { FlowsOf, PeerInput, PeerOutput } from './peer-messages.ts'
import { PortalConnection, type PeerIdentity } from './portal-connection.ts'
import { RelayBridges } from './relay-bridges.ts'
import { TaskQueue } from './task-queue.ts'

/** Ports of the machine that every peer needs. */
export interface PeerPorts<R extends Role> {
  clock: Clock
  logger: Logger
  /** Opens the device and the sockets. */
  openCarrier: (
    options: CarrierOptions<LaneReport<FlowsOf[R]['output']>>,
  ) => Promise<PacketCarrier<LaneCommand<FlowsOf[R]['input']>>>
  webSockets: WebSockets
  datagramSockets: DatagramSockets
  interfaces: NetworkInterfaces
  network: NetworkConfiguration
  /** Problems of this machine's configuration. */
  hostProblems: HostProblems
}

/** Part of a peer's configuration that its shell uses. */
export interface PeerShellConfig {
  portal_url: string
  device: string
  mtu: number
  udp_port: number
  exclude_interfaces: readonly string[]
  advertised_addresses?: readonly string[]
}

export interface PeerShellOptions<R extends Role, Input, Output> {
  role: R
  machine: Machine<Input | PeerInput<R>, Output> & { counters: () => DropCounts }
  config: PeerShellConfig
  identity: PeerIdentity
  ports: PeerPorts<R>
  /** SO_MARK of the peer's own sockets. */
  mark?: number
  /** Carries out one output of the machine; passes those common to all peers to `PeerShell.perform`. */
  perform: (output: Output) => void
  /**
   * Called once the device is claimed, which ensures that no other peer runs on this machine, and before the first
   * input.
   */
  claimed?: () => Promise<void>
  /** Returns further inputs about this machine, passed with its addresses whenever either has changed. */
  observe?: () => readonly Input[]
  /** Called after changed addresses and other inputs were passed to the machine. */
  looked?: () => void
  /** Adds tasks that restore the machine's configuration. `hadDevice` is false if the device could not be opened. */
  restore: (hadDevice: boolean) => void
}

/**
 * Drives the machine of a client or gateway: opens device, sockets and the connection to the portal, passes their
 * events to the machine, and carries out the outputs common to both roles.
 */
export class PeerShell<R extends Role, Input, Output> {
  /** Changes of the system's configuration, carried out one after another. */
  readonly tasks: TaskQueue
  readonly ended: Promise<PeerEnd>
  readonly #options: PeerShellOptions<R, Input, Output>
  readonly #portal: PortalConnection<R>
  readonly #driven: Driven<Input | PeerInput<R>>
  #end: (end: PeerEnd) => void = () => undefined
  #carrier: PacketCarrier<LaneCommand<FlowsOf[R]['input']>> | undefined
  readonly #nat64: Nat64Discovery
  readonly #relaySockets: RelayBridges
  #unwatch: (() => void) | undefined
  #endDropLog: (() => void) | undefined
  #known = ''
  #notes: Note[] = []

  constructor(options: PeerShellOptions<R, Input, Output>) {
    this.#options = options
    const { role, machine, config, identity, ports, mark, perform } = options
    const { clock, logger } = ports
    this.#portal = new PortalConnection({
      role,
      portalUrl: config.portal_url,
      identity,
      ...(mark === undefined ? {} : { mark }),
      ports,
      tell: (input) => this.tell(input),
    })
    this.#nat64 = new Nat64Discovery({
      clock,
      lookUp: lookUpAll,
      found: (prefix) => this.tell({ type: 'nat64Changed', prefix }),
    })
    this.#relaySockets = new RelayBridges({
      webSockets: ports.webSockets,
      sockets: ports.datagramSockets,
      ...(mark === undefined ? {} : { mark }),
      userAgent: identity.userAgent,
      portOf: (family) => this.#carrier?.ports[family],
      tell: (input) => this.tell(input),
    })
    this.ended = new Promise((resolve) => (this.#end = resolve))
    this.tasks = new TaskQueue((error, what) => {
      // A problem of the machine is logged by whoever keeps its configuration in force.
      if (!(error instanceof HostProblemError)) logger.warn({ error }, `${what} failed`)
    })
    this.#driven = drive<Input | PeerInput<R>, Output>(machine, {
      clock,
      perform,
      settled: () => this.#settle(),
    })
  }

  /** Opens device and sockets and starts the machine. Rejects if device or sockets cannot be opened. */
  async start(): Promise<void> {
    const { machine, config, ports, mark, claimed } = this.#options
    const { clock, logger, openCarrier, interfaces, network } = ports
    const { device, mtu, udp_port: port, advertised_addresses: advertised = [] } = config
    this.#carrier = await openCarrier({
      device: { name: device, mtu },
      udp: { port, ...(mark === undefined ? {} : { mark }) },
      onDatagrams: (datagrams) => this.tell({ type: 'datagramsReceived', datagrams }),
      onTunPackets: (packets) => this.tell({ type: 'tunPackets', packets }),
      onReport: (report) => this.tell({ type: 'laneReported', report }),
      onFailure: (error) => {
        logger.error({ error }, 'the device or the packet lane failed: packets do not move any more')
        this.#end({ reason: 'stopped', detail: error.message })
      },
      onSocketError: (error) => logger.warn({ error }, 'a socket failed'),
    })
    try {
      checkPort(this.#carrier.ports, { port, isFixed: advertised.length > 0, logger })
      await network.claim(device)
    } catch (error) {
      await this.#carrier.close()
      this.#carrier = undefined
      throw error
    }
    await claimed?.()
    this.tell({ type: 'socketsOpened', ports: this.#carrier.ports })
    this.#look()
    this.#unwatch = interfaces.watch(() => this.#look())
    this.#endDropLog = logDrops({ clock, logger, counters: () => machine.counters() })
    this.tell({ type: 'started' })
  }

  /** Stops the machine, restores the system's configuration, and closes device and sockets. */
  async stop(): Promise<void> {
    this.tell({ type: 'stopped' })
    this.#driven.stop()
    this.#unwatch?.()
    this.#nat64.stop()
    this.#relaySockets.closeAll()
    this.#endDropLog?.()
    this.#portal.close()
    this.#options.restore(this.#carrier !== undefined)
    await this.tasks.idle()
    await this.#carrier?.close()
    this.#end({ reason: 'stopped' })
  }

  tell(input: Input | PeerInput<R>): void {
    this.#driven.dispatch(input)
  }

  /** Carries out one of the outputs common to all peers. */
  perform(output: PeerOutput<R>): void {
    switch (output.type) {
      case 'sendDatagram':
        this.#carrier?.sendDatagram(output)
        return
      case 'openSocket':
        return this.#relaySockets.open(output)
      case 'closeSocket':
        return this.#relaySockets.close(output.url)
      case 'writeTun':
        this.#carrier?.writeTun?.(output.packet)
        return
      case 'tellWorker':
        this.#carrier?.tell?.(output.command)
        return
      case 'openConnection':
        return this.#portal.open()
      case 'closeConnection':
        return this.#portal.close()
      case 'sendText':
        return this.#portal.send(output.text)
      case 'note':
        this.#notes.push(output)
        return
      case 'end':
        this.#end({ reason: output.reason, detail: output.detail })
    }
  }

  /** Sends what the machine has told the carrier, and then logs its notes: packets may wait for the former. */
  #settle(): void {
    this.#carrier?.flush()
    for (const note of this.#notes.splice(0)) writeNote(note, this.#options.ports.logger)
  }

  /** Passes the addresses and the other inputs about this machine on, if any of them has changed. */
  #look(): void {
    const { config, ports, observe, looked } = this.#options
    const found = ports.interfaces.addresses(config.device)
    const others = observe?.() ?? []
    const known = JSON.stringify([found, others])
    if (known === this.#known) return
    this.#known = known
    const offered = offeredAddresses(found, config.exclude_interfaces)
    const uplinks = found.flatMap(({ address, kind }) => (kind === 'uplink' ? address : []))
    this.tell({
      type: 'addressesChanged',
      addresses: found.map(({ address }) => address),
      uplinks,
      offered,
    })
    this.#nat64.networkChanged({ links: offered.links, uplinks })
    for (const input of others) this.tell(input)
    looked?.()
  }
}
