import { SITE_SERVICE_PORT } from '../../core/dns/site-service.ts'
import { GatewayFlows } from '../../core/flow/gateway/gateway-flows.ts'
import { ScriptLane } from '../../core/flow/lane.ts'
import type { AdvertisedAddress } from '../../core/ice/advertised-address.ts'
import { parseAddress } from '../../core/net/ip-address.ts'
import { buildUdp } from '../../core/net/udp-packet.ts'
import { drive, type Driven } from '../../core/runtime/drive.ts'
import { endpoint, splitEndpoint } from '../../core/runtime/endpoint.ts'
import { DEFAULT_MTU } from '../../core/runtime/mtu.ts'
import { after, unixOf, type Instant } from '../../core/runtime/time.ts'
import type { GatewayInput, GatewayOutput } from '../../hosts/gateway/state-messages.ts'
import { GatewayState } from '../../hosts/gateway/state.ts'
import { SeededRandom } from './seeded-random.ts'
import { readUdp } from './udp-seen.ts'
import type { VirtualSite } from './virtual-site.ts'
import { VirtualUplink, type VirtualPeerOptions } from './virtual-uplink.ts'

export interface VirtualGatewayOptions extends VirtualPeerOptions {
  site: VirtualSite
  advertised?: readonly AdvertisedAddress[] | undefined
}

/** A whole gateway in the virtual world, in front of a site. */
export class VirtualGateway {
  readonly name: string
  readonly state: GatewayState
  readonly flows = new GatewayFlows()
  readonly outputs: GatewayOutput[] = []
  ended: string | undefined
  ipv4 = ''
  ipv6 = ''
  readonly host
  readonly #options: VirtualPeerOptions & { site: VirtualSite }
  readonly #driven: Driven<GatewayInput>
  readonly #uplink: VirtualUplink
  #isKilled = false

  constructor(options: VirtualGatewayOptions) {
    this.#options = options
    this.name = options.name
    this.host = options.host
    const { network, transport } = options
    const random = new SeededRandom(`gateway ${options.name} ${options.incarnation ?? 0}`)
    const { privateKey, publicKey } = transport.generateKeys(random)
    const pair = network.clock.pair()
    const tunnel = transport.createTunnel({ privateKey, random, unixAt: (now: Instant) => unixOf(now, pair) })
    this.state = new GatewayState({
      random,
      tunnel,
      lane: new ScriptLane(this.flows),
      mtu: DEFAULT_MTU,
      advertised: options.advertised,
      clocksAt: (now) => ({ instant: now, unix: unixOf(now, pair) }),
    })
    this.#uplink = new VirtualUplink(options, {
      role: 'gateway',
      userAgent: 'Debian/12.0.0 gateway/1.6.2 (x86_64; 6.1.0)',
      publicKey,
      tell: (event) => this.tell(event),
    })
    this.#driven = drive<GatewayInput, GatewayOutput>(this.state, {
      clock: network.clock,
      perform: (output) => this.#perform(output),
    })
    this.#uplink.open()
    this.tell({ type: 'addressesChanged', addresses: this.host.addresses })
  }

  start(): void {
    this.tell({ type: 'started' })
  }

  /** Kills the process without a goodbye; its kernel resets the connection to the portal. */
  kill(): void {
    this.#isKilled = true
    this.#driven.stop()
    this.#uplink.close()
  }

  /** Ends the connection to the portal, which the gateway makes anew. */
  loseConnection(): void {
    this.#uplink.loseConnection()
  }

  /** Moves the machine to another network. */
  move(addresses: readonly string[]): void {
    this.host.addresses = addresses
    this.tell({ type: 'addressesChanged', addresses })
  }

  tell(input: GatewayInput): void {
    this.#driven.dispatch(input)
  }

  #perform(output: GatewayOutput): void {
    const { name, site, network } = this.#options
    switch (output.type) {
      case 'openConnection':
      case 'closeConnection':
      case 'sendText':
      case 'sendDatagram':
        return this.#uplink.perform(output)
      // UDP works everywhere in a virtual world, or nobody listens.
      case 'openSocket':
      case 'closeSocket':
        return
      case 'writeTun':
        if (this.#isForOurselves(output.packet)) return
        site.deliver(output.packet, {
          gateway: name,
          reply: (packet) => {
            network.clock.wake(after(network.clock.now(), 1), () => {
              if (!this.#isKilled && this.host.up) this.tell({ type: 'tunPackets', packets: [packet] })
            })
          },
        })
        return
      case 'configureInterface':
        this.ipv4 = output.ipv4
        this.ipv6 = output.ipv6
        break
      case 'askSystem':
        network.clock.wake(after(network.clock.now(), 1), () => {
          const message = site.resolve(output.message)
          this.tell({ type: 'systemAnswered', ask: output.ask, verdict: { type: 'answered', message } })
        })
        break
      case 'forwardQuery':
        network.clock.wake(after(network.clock.now(), 1), () => {
          const verdict = { type: 'answered', message: site.resolve(output.message) } as const
          this.tell({ type: 'forwardAnswered', ask: output.ask, verdict })
        })
        break
      case 'answerSiteQuery': {
        const { query, message } = output
        if (query.via !== 'udp') break
        const to = splitEndpoint(query.source)
        const [source, destination] = [parseAddress(query.address), parseAddress(to?.address ?? '')]
        if (to === undefined || source === undefined || destination === undefined) break
        const ports = { sourcePort: SITE_SERVICE_PORT, destinationPort: to.port }
        const packet = buildUdp({ source, destination, ...ports, payload: message })
        if (packet !== undefined) this.tell({ type: 'tunPackets', packets: [packet] })
        break
      }
      case 'end':
        this.ended = output.reason
        break
      case 'cancelAsk':
      case 'cancelForward':
      case 'readLoad':
      case 'tellWorker':
      case 'note':
        break
    }
    this.outputs.push(output)
  }

  /** Whether the kernel would deliver a packet to the gateway's own name service. */
  #isForOurselves(packet: Uint8Array): boolean {
    const udp = readUdp(packet)
    if (udp === undefined || udp.toPort !== SITE_SERVICE_PORT || udp.to !== this.ipv4) return false
    const query = { via: 'udp', address: udp.to, source: endpoint(udp.from, udp.fromPort) } as const
    this.tell({ type: 'siteQueryReceived', query, client: udp.from, message: udp.payload, protocol: 'udp' })
    return true
  }
}
