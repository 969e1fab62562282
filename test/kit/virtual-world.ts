import { Facts } from '../../core/contract/facts.ts'
import type { AdvertisedAddress } from '../../core/ice/advertised-address.ts'
import type { TunnelTransport } from '../../core/contract/tunnel-transport.ts'
import { toHex } from '../../core/crypto/text-encoding.ts'
import { endpoint, splitEndpoint, type Endpoint } from '../../core/runtime/endpoint.ts'
import { uuid } from '../../core/runtime/random.ts'
import { LimitedAnswers } from '../../hosts/portal/stun/limited-answers.ts'
import type { Actor } from '../../hosts/portal/store/entities.ts'
import { RandomSelector } from '../../plugins/selector-random/random-selector.ts'
import { RemoteIp } from '../../plugins/condition-remote-ip/remote-ip.ts'
import { TimeWindow } from '../../plugins/condition-time-window/time-window.ts'
import { condition } from './extensions.ts'
import { SeededRandom } from './seeded-random.ts'
import { VirtualClient } from './virtual-client.ts'
import { VirtualClock } from './virtual-clock.ts'
import { VirtualControlChannel } from './virtual-control-channel.ts'
import { VirtualGateway } from './virtual-gateway.ts'
import { VirtualNat, type VirtualNatOptions } from './virtual-nat.ts'
import { VirtualNetwork, type VirtualHost } from './virtual-network.ts'
import { VirtualPortal } from './virtual-portal.ts'
import { VirtualRelay, virtualRelays } from './virtual-relay.ts'
import { VirtualSite } from './virtual-site.ts'

const STUN_PORT = 3478

/** Place of a peer's machine; on the Internet by default, with addresses of both families. */
export interface Place {
  addresses?: readonly string[]
  nat?: VirtualNat
  /** Addresses at which a gateway says it is reached. */
  advertised?: readonly AdvertisedAddress[]
}

/** The whole system in one process and in virtual time. All chance comes from the seed. */
export class VirtualWorld {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly network: VirtualNetwork
  readonly channel: VirtualControlChannel
  readonly portalHost: VirtualHost
  readonly portal: VirtualPortal
  /** Network of the portal's first site. */
  readonly site = new VirtualSite()
  readonly clients: VirtualClient[] = []
  readonly relays: VirtualRelay[] = []
  readonly gateways = new Map<string, VirtualGateway>()
  readonly #transport: TunnelTransport
  readonly #sites = new Map<string, VirtualSite>()
  readonly #gatewayHosts = new Map<string, VirtualHost>()
  readonly #starts = new Map<string, number>()
  #incarnations = 0

  /** `hasStun`: whether the portal has a STUN server. */
  constructor({
    seed = 'world',
    transport,
    hasStun = false,
  }: {
    seed?: string | number
    transport: TunnelTransport
    hasStun?: boolean
  }) {
    this.random = new SeededRandom(`world ${seed}`)
    this.#transport = transport
    this.network = new VirtualNetwork({ clock: this.clock, random: new SeededRandom(`network ${seed}`) })
    this.network.setEverywhere({ latencyMs: 5 })
    this.portalHost = this.network.host('portal', ['203.0.113.1'])
    this.channel = new VirtualControlChannel({ network: this.network, host: this.portalHost })
    this.portal = new VirtualPortal({
      clock: this.clock,
      channel: this.channel,
      seed: String(seed),
      conditions: {
        'time-window': condition(new TimeWindow()),
        'remote-ip': condition(new RemoteIp(), { address: Facts.client.address }),
      },
      relayProviders: { virtual: virtualRelays },
      stunServers: hasStun ? [this.#startStun()] : [],
      selectors: { random: new RandomSelector({ random: new SeededRandom(`selector ${seed}`) }) },
    })
    this.portal.start()
  }

  /** Makes a NAT, for machines to be put behind. */
  nat(options: Omit<VirtualNatOptions, 'random'>): VirtualNat {
    return new VirtualNat({ ...options, random: this.random })
  }

  /** Starts a STUN server on the portal's machine, which lives as long as the world, and returns its endpoint. */
  #startStun(): Endpoint {
    const answers = new LimitedAnswers()
    const socket = this.portalHost.bind({
      family: 'ipv4',
      port: STUN_PORT,
      onError: () => undefined,
      onBatch: (batch) => {
        for (const { from, bytes } of batch) {
          const source = splitEndpoint(from)
          const answer = source && answers.answer(bytes, source, this.clock.now())
          if (answer !== undefined) socket.send([{ to: from, bytes: answer }])
        }
      },
    })
    return endpoint(this.portalHost.address('ipv4') ?? '', STUN_PORT)
  }

  /** Starts a relay, which the portal offers to peers from then on. */
  startRelay(name: string, addresses: readonly string[] = [`203.0.113.${200 + this.relays.length}`]): VirtualRelay {
    const host = this.network.host(name, addresses)
    const relay = new VirtualRelay(this.network, { host, id: uuid(this.random), name })
    this.relays.push(relay)
    this.offerRelays()
    return relay
  }

  /** Lets the portal find out which relays answer. */
  offerRelays(): void {
    this.portal.offerRelays(this.relays.flatMap(({ host, relay }) => (host.up ? relay : [])))
  }

  /** Adds a site with a network of its own. */
  addSite(name: string): { id: string; network: VirtualSite } {
    const { id } = this.portal.site(name)
    const network = new VirtualSite()
    this.#sites.set(id, network)
    return { id, network }
  }

  /** Starts a gateway, by default at the first site; after `kill` it may be started again under the same name. */
  startGateway(name: string, siteId = this.portal.siteId, place: Place = {}): VirtualGateway {
    const number = this.#gatewayHosts.size + 1
    const host =
      this.#gatewayHosts.get(name) ??
      this.network.host(
        name,
        place.addresses ?? [`203.0.113.${100 + number}`, `2001:db8:2::${100 + number}`],
        place.nat,
      )
    this.#gatewayHosts.set(name, host)
    const gateway = new VirtualGateway({
      network: this.network,
      channel: this.channel,
      transport: this.#transport,
      site: this.#sites.get(siteId) ?? this.site,
      host,
      name,
      token: this.portal.gatewayToken(siteId),
      incarnation: ++this.#incarnations,
      advertised: place.advertised,
    })
    this.gateways.set(name, gateway)
    gateway.start()
    return gateway
  }

  killGateway(name: string): void {
    this.gateways.get(name)?.kill()
    this.gateways.delete(name)
  }

  /**
   * Signs an actor in as a browser would, and starts a client with the token; after `kill` it may be started again
   * under the same name.
   */
  startClient(name: string, actor: Actor, place: Place = {}): VirtualClient {
    const nonce = toHex(this.random.bytes(32))
    return this.startClientWith(name, `${nonce}${this.portal.signIn(actor, nonce)}`, place)
  }

  startClientWith(name: string, token: string, place: Place = {}): VirtualClient {
    const number = this.clients.length + 10
    const starts = this.#starts.get(name) ?? 0
    this.#starts.set(name, starts + 1)
    const client = new VirtualClient({
      network: this.network,
      channel: this.channel,
      transport: this.#transport,
      host: this.network.host(name, place.addresses ?? [`198.51.100.${number}`, `2001:db8:1::${number}`], place.nat),
      name,
      token,
      ...(starts === 0 ? {} : { incarnation: starts }),
    })
    this.clients.push(client)
    client.start()
    return client
  }

  /**
   * Lets time pass in steps until a condition holds; returns the milliseconds that took, or undefined if it did not
   * hold in time.
   */
  until(holds: () => boolean, { withinMs, stepMs = 10 }: { withinMs: number; stepMs?: number }): number | undefined {
    const start = this.clock.now()
    while (!holds()) {
      if (this.clock.now() - start >= withinMs) return undefined
      this.clock.advance(stepMs)
    }
    return this.clock.now() - start
  }
}
