// Hosts with addresses and datagram sockets in virtual time. Loss, delay and doubling of datagrams are drawn from a
// seed.
import { endpoint, splitEndpoint, type Endpoint, type Family } from '../../core/runtime/endpoint.ts'
import type {
  Datagram,
  DatagramSocket,
  DatagramSocketOptions,
  ReceivedDatagram,
} from '../../core/runtime/datagram-socket.ts'
import { integerBelow, type Random } from '../../core/runtime/random.ts'
import { after } from '../../core/runtime/time.ts'
import { lend } from './lent-bytes.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { VirtualNat } from './virtual-nat.ts'

/** Conditions of the link between two hosts, the same in both directions. */
export interface LinkConditions {
  latencyMs: number
  /** Most additional delay of a datagram; reorders datagrams. */
  jitterMs: number
  /** Share of datagrams that are lost, 0 to 1. */
  loss: number
  /** Share of datagrams that arrive twice, 0 to 1, the second time after a delay of its own. */
  doubled: number
  /** Length of the longest IP packet. A longer one is cut into fragments; a probe is lost instead. */
  mtu: number
  /** Whether fragments pass. If not, they are lost without an error. */
  fragments: boolean
  /** Whether nothing passes at all. */
  cut: boolean
}

const PERFECT: LinkConditions = {
  latencyMs: 1,
  jitterMs: 0,
  loss: 0,
  doubled: 0,
  mtu: 1_500,
  fragments: true,
  cut: false,
}

export class VirtualNetwork {
  readonly clock: VirtualClock
  readonly #random: Random
  readonly #hosts: VirtualHost[] = []
  readonly #links = new Map<string, LinkConditions>()
  /** Shares of datagrams that are lost in one direction, by its ends. */
  readonly #losses = new Map<string, number>()
  #everywhere: LinkConditions = PERFECT
  /** Numbers of datagrams that were delivered, were lost, and reached no listener. */
  readonly counters = { delivered: 0, lost: 0, unreachable: 0 }

  constructor({ clock, random }: { clock: VirtualClock; random: Random }) {
    this.clock = clock
    this.#random = random
  }

  /** Adds a machine with these addresses. All machines reach one another directly, but for those behind a NAT. */
  host(name: string, addresses: readonly string[], nat?: VirtualNat): VirtualHost {
    const host = new VirtualHost(this, name, addresses)
    host.nat = nat
    this.#hosts.push(host)
    return host
  }

  /** Sets the conditions between all hosts that have no link of their own set. */
  setEverywhere(conditions: Partial<LinkConditions>): void {
    this.#everywhere = { ...PERFECT, ...conditions }
  }

  /** Sets the conditions between two hosts, in both directions. */
  setLink(a: VirtualHost, b: VirtualHost, conditions: Partial<LinkConditions>): void {
    this.#links.set(linkKey(a, b), { ...this.#everywhere, ...conditions })
  }

  /** Sets the share of datagrams from one host to another that is lost, beside the conditions of both directions. */
  lose(from: VirtualHost, to: VirtualHost, share: number): void {
    this.#losses.set(directionKey(from, to), share)
  }

  /** Removes all conditions that were set between two hosts. */
  clearLinks(): void {
    this.#links.clear()
  }

  conditions(a: VirtualHost, b: VirtualHost): LinkConditions {
    return this.#links.get(linkKey(a, b)) ?? this.#everywhere
  }

  /** Returns the machine with an address that a machine sees: behind the same NAT, or behind none. */
  hostOf(address: string, from?: VirtualHost): VirtualHost | undefined {
    const isSeen = ({ nat }: VirtualHost) => nat === undefined || nat === from?.nat || address.includes(':')
    return this.#hosts.find((host) => isSeen(host) && host.addresses.includes(address))
  }

  /** Takes a datagram from a machine to the one that gets it, with both endpoints as that one sees them. */
  #route(from: VirtualHost, source: Endpoint, destination: Endpoint) {
    const target = splitEndpoint(destination)
    if (target === undefined) return undefined
    const now = this.clock.now()
    const to = this.hostOf(target.address, from)
    const isInside = to !== undefined && to.nat === from.nat
    const seen =
      from.nat === undefined || isInside || target.family === 'ipv6'
        ? source
        : from.nat.outbound(source, destination, now)
    if (to !== undefined) return { to, source: seen, destination }
    const behind = this.#hosts.find(({ nat }) => nat?.outside === target.address)
    const inner = behind?.nat?.inbound(destination, seen, behind.address('ipv4'), now)
    const reached = this.#hosts.find(
      (host) => host.nat === behind?.nat && host.addresses.includes(splitEndpoint(inner ?? '')?.address ?? ''),
    )
    return inner === undefined || reached === undefined ? undefined : { to: reached, source: seen, destination: inner }
  }

  /** Carries one datagram. */
  carry(from: VirtualHost, source: Endpoint, { to: destination, bytes, isProbe }: Datagram): void {
    const routed = from.up ? this.#route(from, source, destination) : undefined
    if (routed === undefined) {
      this.counters.unreachable++
      return
    }
    const { to } = routed
    const { latencyMs, jitterMs, loss, doubled, mtu, fragments, cut } = this.conditions(from, to)
    const isTooLong = (isProbe === true || !fragments) && bytes.length + (source.startsWith('[') ? 48 : 28) > mtu
    const oneWay = this.#losses.get(directionKey(from, to))
    if (cut || isTooLong || this.#draw() < loss || (oneWay !== undefined && this.#draw() < oneWay)) {
      this.counters.lost++
      return
    }
    const carried = new Uint8Array(bytes)
    for (let copies = doubled > 0 && this.#draw() < doubled ? 2 : 1; copies > 0; copies--) {
      const delay = latencyMs + this.#draw() * jitterMs
      this.clock.wake(after(this.clock.now(), delay), () => {
        const arrives = (borrowed: Uint8Array) =>
          to.receive(routed.destination, { from: routed.source, bytes: borrowed })
        if (to.up && lend(carried, arrives)) this.counters.delivered++
        else this.counters.unreachable++
      })
    }
  }

  #draw(): number {
    return integerBelow(this.#random, 1_000_000) / 1_000_000
  }
}

export class VirtualHost {
  readonly name: string
  /** Addresses of the machine; assign others to move it to another network. */
  addresses: readonly string[]
  /** Router that translates the machine's IPv4 addresses; undefined if it is on the Internet itself. */
  nat: VirtualNat | undefined
  /** Whether the machine is up: otherwise it neither sends nor receives. */
  up = true
  readonly #network: VirtualNetwork
  readonly #sockets = new Map<string, DatagramSocketOptions>()
  #nextPort = 49_152

  constructor(network: VirtualNetwork, name: string, addresses: readonly string[]) {
    this.#network = network
    this.name = name
    this.addresses = addresses
  }

  address(family: Family): string | undefined {
    return this.addresses.find((address) => address.includes(':') === (family === 'ipv6'))
  }

  /** Binds a socket at once: nothing in the virtual world takes real time. */
  bind(options: DatagramSocketOptions): DatagramSocket {
    const key = (port: number) => `${options.family} ${port}`
    let port = options.port === 0 ? this.#nextPort++ : options.port
    if (this.#sockets.has(key(port))) {
      if (options.orAnyPort !== true) throw Object.assign(new Error('address in use'), { code: 'EADDRINUSE' })
      port = this.#nextPort++
    }
    this.#sockets.set(key(port), options)
    return {
      family: options.family,
      port,
      send: (batch) => {
        const source = this.address(options.family)
        if (source === undefined || this.#sockets.get(key(port)) !== options) return
        for (const datagram of batch) this.#network.carry(this, endpoint(source, port), datagram)
      },
      close: () => {
        this.#sockets.delete(key(port))
        return Promise.resolve()
      },
    }
  }

  /**
   * Delivers a datagram to the socket that is bound to `at`; returns false if there is none or the machine has moved,
   * which the sender does not learn.
   */
  receive(at: Endpoint, datagram: ReceivedDatagram): boolean {
    const target = splitEndpoint(at)
    const isHere = target !== undefined && this.addresses.includes(target.address)
    const socket = !isHere ? undefined : this.#sockets.get(`${target.family} ${target.port}`)
    socket?.onBatch([datagram])
    return socket !== undefined
  }
}

const directionKey = (from: VirtualHost, to: VirtualHost): string => `${from.name} ${to.name}`

const linkKey = (a: VirtualHost, b: VirtualHost): string => [a.name, b.name].sort().join(' ')
