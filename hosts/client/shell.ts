import type { PeerEnd } from '../../core/config/host-config.ts'
import type { FactSource, OwnFact } from '../../core/contract/fact-source.ts'
import type { ServerVerdict, UpstreamResolver, UpstreamVerdict } from '../../core/contract/upstream-resolver.ts'
import { askServer } from '../../core/dns/ask-server.ts'
import { hairpinSentinel } from '../../core/flow/client/tcp-hairpin.ts'
import { DEFAULT_RANGES, type AddressRanges } from '../../core/net/address-ranges.ts'
import { checkedOwnFact } from '../../core/plugin/checked-snapshot.ts'
import { FactRefresh } from '../../core/plugin/fact-refresh.ts'
import { askResolver } from '../../core/plugin/ask-resolver.ts'
import type { ChosenResolver } from '../../core/plugin/chosen-resolvers.ts'
import { PluginLog, type PluginFailed } from '../../core/plugin/plugin-log.ts'
import type { Extension, Extensions } from '../../core/contract/extension-point.ts'
import type { DnsExchange, SystemNames, SystemResolvers } from '../../core/runtime/dns-exchange.ts'
import type { DnsListeners } from '../../core/runtime/dns-listener.ts'
import { OWN_SOCKET_MARK, type ResolverConfiguration } from '../../core/runtime/network-configuration.ts'
import { SECOND } from '../../core/runtime/time.ts'
import { NameSockets } from '../peer/name-sockets.ts'
import { OpenAsks } from '../peer/open-asks.ts'
import { PeerShell, type PeerPorts } from '../peer/peer-shell.ts'
import type { PeerIdentity } from '../peer/portal-connection.ts'
import type { ClientConfig } from './config.ts'
import type { KeptNamesFile } from './names/kept-names-file.ts'
import type { Ask } from './names/name-inspection.ts'
import { BYPASS, ownUpstreams } from './names/upstreams.ts'
import type { ClientInput, ClientOutput } from './state-messages.ts'
import type { ClientState } from './state.ts'

export interface ClientPorts extends PeerPorts<'client'> {
  listeners: DnsListeners
  resolver: ResolverConfiguration
  upstreams: Extensions<UpstreamResolver>
  /** Plugins that find out facts of this machine. */
  factSources: Extensions<FactSource>
  /** Resolvers that the configuration file names. */
  own: readonly ChosenResolver[]
  /** Name servers of the system, without the client's own. */
  /** File with the names of earlier runs. */
  names: KeptNamesFile
  system: SystemResolvers
  systemNames: SystemNames
  /** DNS client with unmarked sockets, for the client's own queries to gateways through the tunnel. */
  exchange: DnsExchange
  /** DNS client with marked sockets, which bypass the tunnel. */
  bypassingExchange: DnsExchange
}

const SITE_TIMEOUT_MS = 1 * SECOND
const BYPASS_TIMEOUT_MS = 5 * SECOND

/** Drives a client's machine: carries out its outputs and passes events to it. */
export class ClientShell {
  readonly #machine: ClientState
  readonly #device: string
  readonly #ports: ClientPorts
  readonly #plugins: PluginLog
  readonly #peer: PeerShell<'client', ClientInput, ClientOutput>
  readonly #names: NameSockets
  readonly #facts: FactRefresh<OwnFact>
  /** Queries to upstream servers. */
  readonly #asks = new OpenAsks()
  /** Queries to gateways, about records of their sites. */
  readonly #siteAsks = new OpenAsks()
  readonly #inspections = new Map<number, (answered: Awaited<ReturnType<Ask>>) => void>()
  #lastInspection = 0
  #prefixes: readonly string[] | undefined
  /** Ranges of the account's tunnels. */
  #ranges: AddressRanges = DEFAULT_RANGES

  constructor(machine: ClientState, setUp: { config: ClientConfig; ports: ClientPorts; identity: PeerIdentity }) {
    const { config, ports } = setUp
    this.#machine = machine
    this.#device = config.device
    this.#ports = ports
    this.#plugins = new PluginLog(ports)
    this.#peer = new PeerShell<'client', ClientInput, ClientOutput>({
      role: 'client',
      machine,
      ...setUp,
      mark: OWN_SOCKET_MARK,
      perform: (output) => this.#perform(output),
      // Restored only once the device is claimed: before, the resolver's configuration may be that of another running
      // client.
      claimed: () => ports.resolver.restore(),
      observe: () => [this.#upstreams()],
      // Routes are set again, so that new local networks stay outside the tunnel of an Internet resource.
      looked: () => this.#setRoutes(),
      restore: (hadDevice) => this.#restore(hadDevice),
    })
    this.#facts = new FactRefresh({
      sources: ports.factSources,
      clock: ports.clock,
      logger: ports.logger,
      keysOf: () => [],
      check: checkedOwnFact,
      learned: ({ fact: { name }, goodForMs }, { value }) =>
        this.#peer.tell({ type: 'factFound', name, value, goodForMs }),
    })
    this.#names = new NameSockets({
      listeners: ports.listeners,
      port: 0,
      device: config.device,
      // D16: only queries that the packet engine has redirected have such a source address.
      accepts: (source) => hairpinSentinel(source, this.#ranges) !== undefined,
      onQuery: (query, message, source) => {
        if (query.via !== 'tcp') return
        const sentinel = hairpinSentinel(source, this.#ranges) ?? ''
        this.#peer.tell({ type: 'tcpQueryReceived', connection: query.connection, sentinel, message })
      },
      onError: (error) => ports.logger.warn({ error }, 'DNS over TCP failed'),
    })
  }

  get ended(): Promise<PeerEnd> {
    return this.#peer.ended
  }

  /** Whether all requested changes of addresses, routes and resolver are carried out. */
  get isSettled(): boolean {
    return this.#peer.tasks.isIdle
  }

  /** Opens device and sockets and connects to the portal. Rejects if device or sockets cannot be opened. */
  async start(): Promise<void> {
    await this.#peer.start()
    // Not awaited: a plugin that does not answer delays nothing but what rests on its fact.
    void this.#facts.start()
  }

  /** Stops the client and restores the machine's configuration. */
  async stop(): Promise<void> {
    this.#facts.stop()
    await this.#peer.stop()
    this.#ports.names.write(this.#machine.keptNames)
    await this.#ports.names.settled()
  }

  /** Has a DNS message answered as an application's would be. */
  answer(message: Uint8Array, protocol: 'udp' | 'tcp'): ReturnType<Ask> {
    const inspection = ++this.#lastInspection
    return new Promise((resolve) => {
      this.#inspections.set(inspection, resolve)
      this.#peer.tell({ type: 'inspectionRequested', inspection, message, protocol })
    })
  }

  /** Requests access to a resource, as a packet for it would. */
  wantAccess(resourceId: string): void {
    this.#peer.tell({ type: 'accessWanted', resourceId })
  }

  #restore(hadDevice: boolean): void {
    const { tasks } = this.#peer
    const { network, resolver } = this.#ports
    this.#asks.cancelAll()
    this.#siteAsks.cancelAll()
    if (!hadDevice) return
    tasks.add('restoring the resolver', () => resolver.restore())
    tasks.add('closing the DNS listeners', () => this.#names.close())
    tasks.add('restoring the network', () => network.clear())
  }

  /**
   * Opens the TCP listeners. While there are none, the packet engine refuses DNS over TCP, so that no other program's
   * listener gets it.
   */
  async #listen(addresses: readonly string[]): Promise<void> {
    this.#peer.tell({ type: 'listenersOpened', ports: {} })
    try {
      const ports = await this.#names.listenOn(addresses)
      this.#peer.tell({ type: 'listenersOpened', ports })
    } catch (error) {
      await this.#names.close()
      throw error
    }
  }

  #setRoutes(): void {
    const prefixes = this.#prefixes
    if (prefixes === undefined) return
    this.#peer.tasks.add('setting routes', async () => {
      const count = await this.#ports.network.setRoutes(this.#device, prefixes)
      if (count > 0) this.#peer.tell({ type: 'connectionsEnded', count })
    })
  }

  #perform(output: ClientOutput): void {
    const { tasks } = this.#peer
    const { network, resolver } = this.#ports
    const device = this.#device
    switch (output.type) {
      case 'configureInterface': {
        const { ipv4, ipv6, ranges } = output
        const addresses = [ipv4, ipv6]
        this.#ranges = ranges
        tasks.add('setting addresses', () => network.setAddresses(device, addresses, ranges))
        tasks.add('listening for DNS over TCP', () => this.#listen(addresses))
        return
      }
      case 'setRoutes':
        this.#prefixes = output.prefixes
        return this.#setRoutes()
      case 'configureResolver': {
        const { servers, searchDomain, names } = output
        this.#ports.system.leaveOut?.(servers)
        tasks.add('setting the resolver', () => resolver.set({ device, servers, searchDomain, names }))
        return
      }
      case 'keepNames':
        return this.#ports.names.write(output.kept)
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
        return this.#names.answer({ via: 'tcp', connection: output.connection }, output.message)
      default:
        return this.#peer.perform(output)
    }
  }

  #upstreams(): ClientInput {
    const { own, system, systemNames } = this.#ports
    const searchDomains = systemNames.searchDomains()
    const failuresOf = (resolver: Extension<UpstreamResolver>) => this.#failuresOf(resolver)
    return { type: 'upstreamsFound', own: ownUpstreams(own, failuresOf), system: system.servers(), searchDomains }
  }

  #failuresOf(resolver: Extension<UpstreamResolver>): PluginFailed {
    return this.#plugins.of(resolver, 'a resolver plugin failed: the next resolver is asked')
  }

  #ask({ ask, upstream, message, protocol }: Extract<ClientOutput, { type: 'askUpstream' }>): void {
    const { kind, settings, server } = upstream
    const resolver = this.#ports.upstreams.get(kind)
    const asked = async (signal: AbortSignal): Promise<UpstreamVerdict> => {
      if (kind === BYPASS && server !== undefined) {
        const { bypassingExchange } = this.#ports
        const serverName = this.#ports.system.serverName?.(server)
        const query = { server, serverName, message, protocol, signal, timeoutMs: BYPASS_TIMEOUT_MS }
        return askServer(bypassingExchange, query)
      }
      if (resolver === undefined) return { type: 'failed', code: 'unsupported', reason: `no resolver plugin ${kind}` }
      const query = { settings, ...(server && { server }), message, protocol, signal }
      return askResolver(resolver.value, query, this.#failuresOf(resolver))
    }
    void this.#asks.begin(ask, asked).then((verdict) => this.#peer.tell({ type: 'upstreamAnswered', ask, verdict }))
  }

  /** Asks a gateway through the tunnel. Repeats the query after each timeout, until the machine cancels it. */
  #askGateway({ ask, server, message, protocol }: Extract<ClientOutput, { type: 'askGateway' }>): void {
    const { exchange } = this.#ports
    const asked = async (signal: AbortSignal): Promise<ServerVerdict> => {
      const query = { server, message, protocol, signal }
      let verdict = await askServer(exchange, { ...query, timeoutMs: SITE_TIMEOUT_MS })
      while (verdict.type === 'failed' && verdict.code === 'timeout') {
        verdict = await askServer(exchange, { ...query, timeoutMs: SITE_TIMEOUT_MS })
      }
      return verdict
    }
    void this.#siteAsks.begin(ask, asked).then((verdict) => this.#peer.tell({ type: 'siteAnswered', ask, verdict }))
  }
}
