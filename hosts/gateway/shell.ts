import type { PeerEnd } from '../../core/config/host-config.ts'
import { SITE_SERVICE_PORT } from '../../core/dns/site-service.ts'
import { parseAddress } from '../../core/net/ip-address.ts'
import { DEFAULT_RANGES, type AddressRanges } from '../../core/net/address-ranges.ts'
import { formatPrefix } from '../../core/net/prefix.ts'
import { isInRange } from '../../core/net/reserved-range.ts'
import type { DatagramSockets } from '../../core/runtime/datagram-socket.ts'
import type { DnsListeners } from '../../core/runtime/dns-listener.ts'
import type { MachineLoad } from '../../core/runtime/machine-load.ts'
import { NameSockets } from '../peer/name-sockets.ts'
import { OpenAsks } from '../peer/open-asks.ts'
import { PeerShell, type PeerPorts } from '../peer/peer-shell.ts'
import type { PeerIdentity } from '../peer/portal-connection.ts'
import type { GatewayConfig } from './config.ts'
import type { SiteNames } from './site-names.ts'
import type { GatewayInput, GatewayOutput } from './state-messages.ts'
import type { GatewayState } from './state.ts'

export interface GatewayPorts extends PeerPorts<'gateway'> {
  /** Sockets of the name service for clients. */
  sockets: DatagramSockets
  listeners: DnsListeners
  load: MachineLoad
  /** Resolver of the site's names. */
  names: SiteNames
}

/** Drives a gateway's machine: carries out its outputs and passes events to it. */
export class GatewayShell {
  readonly #device: string
  readonly #ports: GatewayPorts
  readonly #peer: PeerShell<'gateway', GatewayInput, GatewayOutput>
  /** Queries of the site resolver. */
  readonly #lookups = new OpenAsks()
  /** Queries of clients. */
  readonly #forwards = new OpenAsks()
  readonly #nameService: NameSockets
  /** Ranges of the account's tunnels. */
  #ranges: AddressRanges = DEFAULT_RANGES
  #unwatch: (() => void) | undefined

  constructor(machine: GatewayState, setUp: { config: GatewayConfig; ports: GatewayPorts; identity: PeerIdentity }) {
    const { config, ports } = setUp
    this.#device = config.device
    this.#ports = ports
    this.#peer = new PeerShell<'gateway', GatewayInput, GatewayOutput>({
      role: 'gateway',
      machine,
      ...setUp,
      perform: (output) => this.#perform(output),
      restore: () => this.#restore(),
    })
    const { sockets, listeners, logger } = ports
    this.#nameService = new NameSockets({
      sockets,
      listeners,
      port: SITE_SERVICE_PORT,
      device: config.device,
      accepts: (address) => isClient(address, this.#ranges),
      onQuery: (query, message, client) =>
        this.#peer.tell({ type: 'siteQueryReceived', query, client, message, protocol: query.via }),
      onError: (error) => logger.warn({ error }, "the clients' DNS failed"),
    })
  }

  get ended(): Promise<PeerEnd> {
    return this.#peer.ended
  }

  /** Opens device and sockets and connects to the portal. Rejects if device or sockets cannot be opened. */
  start(): Promise<void> {
    const { hostProblems } = this.#ports
    this.#unwatch = hostProblems.watch(() =>
      this.#peer.tell({ type: 'hostProblemsChanged', problems: hostProblems.problems() }),
    )
    return this.#peer.start()
  }

  /** Tells portal and clients that the gateway stops, and restores the machine's configuration. */
  stop(): Promise<void> {
    return this.#peer.stop()
  }

  #restore(): void {
    this.#unwatch?.()
    const { tasks } = this.#peer
    this.#lookups.cancelAll()
    this.#forwards.cancelAll()
    tasks.add("closing the clients' DNS", () => this.#nameService.close())
    tasks.add('restoring the network', () => this.#ports.network.clear())
  }

  #perform(output: GatewayOutput): void {
    switch (output.type) {
      case 'configureInterface':
        return this.#configure(output)
      case 'askSystem':
        return this.#ask(output)
      case 'forwardQuery':
        return this.#forward(output)
      case 'cancelForward':
        return this.#forwards.cancel(output.ask)
      case 'answerSiteQuery':
        return this.#nameService.answer(output.query, output.message)
      case 'readLoad':
        return this.#peer.tell({ type: 'loadRead', reading: this.#ports.load.read(this.#device) })
      case 'cancelAsk':
        return this.#lookups.cancel(output.ask)
      default:
        return this.#peer.perform(output)
    }
  }

  #configure({ ipv4, ipv6, ranges, ...masquerade }: Extract<GatewayOutput, { type: 'configureInterface' }>): void {
    const { tasks } = this.#peer
    this.#ranges = ranges
    const { network } = this.#ports
    const device = this.#device
    tasks.add('setting addresses', () => network.setAddresses(device, [ipv4, ipv6], ranges))
    tasks.add("listening for clients' DNS", async () => void (await this.#nameService.listenOn([ipv4, ipv6])))
    tasks.add('setting routes', async () => void (await network.setRoutes(device, ranges.tunnel.map(formatPrefix))))
    tasks.add('forwarding', () => network.enableForwarding(device, { ...masquerade, servicePort: SITE_SERVICE_PORT }))
  }

  #ask({ ask, message }: Extract<GatewayOutput, { type: 'askSystem' }>): void {
    const asked = this.#lookups.begin(ask, (signal) => this.#ports.names.resolve({ message, protocol: 'udp', signal }))
    void asked.then((verdict) => this.#peer.tell({ type: 'systemAnswered', ask, verdict }))
  }

  #forward({ ask, ...query }: Extract<GatewayOutput, { type: 'forwardQuery' }>): void {
    const asked = this.#forwards.begin(ask, (signal) => this.#ports.names.resolve({ ...query, signal }))
    void asked.then((verdict) => this.#peer.tell({ type: 'forwardAnswered', ask, verdict }))
  }
}

/** Whether an address is in the clients' range; DNS messages from other addresses are not answered. */
const isClient = (address: string, { tunnel }: AddressRanges): boolean => {
  const bytes = parseAddress(address)
  return bytes !== undefined && isInRange(tunnel, bytes)
}
