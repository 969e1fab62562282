import { parseAnswer, RecordType, writeQuery, type DnsAnswer } from '../../core/dns/message.ts'
import { formatAddress, parseAddress } from '../../core/net/ip-address.ts'
import { DEFAULT_MTU } from '../../core/runtime/mtu.ts'
import { buildUdp } from '../../core/net/udp-packet.ts'
import { drive, type Driven } from '../../core/runtime/drive.ts'
import { splitEndpoint } from '../../core/runtime/endpoint.ts'
import { unixOf, type Instant } from '../../core/runtime/time.ts'
import type { ClientInput, ClientOutput } from '../../hosts/client/state-messages.ts'
import type { ReadUpstream } from '../../hosts/client/names/upstreams.ts'
import { ClientState } from '../../hosts/client/state.ts'
import { SeededRandom } from './seeded-random.ts'
import { readUdp, type UdpSeen } from './udp-seen.ts'
import type { VirtualHost } from './virtual-network.ts'
import { VirtualUplink, type VirtualPeerOptions } from './virtual-uplink.ts'

const LOCAL_PORT = 40_000
const FIRST_SITE_PORT = 45_000

/** A whole client in the virtual world, with applications on it. */
export class VirtualClient {
  readonly name: string
  readonly host: VirtualHost
  state: ClientState
  /** UDP packets that applications have received, in order. */
  readonly received: UdpSeen[] = []
  /** All packets that were written to the TUN device. */
  readonly written: Uint8Array[] = []
  /** Called with each packet that is written to the TUN device. */
  onWritten: (packet: Uint8Array) => void = () => undefined
  readonly outputs: ClientOutput[] = []
  ended: string | undefined
  ipv4 = ''
  ipv6 = ''
  sentinels: readonly string[] = []
  /** Answer of the system's upstream resolver to a query. */
  upstream: (message: Uint8Array) => Uint8Array | undefined = () => undefined
  readonly #options: VirtualPeerOptions
  #driven: Driven<ClientInput>
  readonly #uplink: VirtualUplink
  #nextQuery = 1
  /** The client's own queries to gateways, by source port. */
  readonly #siteAsks = new Map<number, number>()

  constructor(options: VirtualPeerOptions) {
    this.#options = options
    this.name = options.name
    this.host = options.host
    const { network, transport } = options
    const random = new SeededRandom(['client', options.name, options.incarnation ?? []].flat().join(' '))
    const { privateKey, publicKey } = transport.generateKeys(random)
    const pair = network.clock.pair()
    const tunnel = transport.createTunnel({
      privateKey,
      random,
      unixAt: (now: Instant) => unixOf(now, pair),
    })
    this.state = new ClientState({ random, tunnel, readUpstream, mtu: DEFAULT_MTU })
    this.#uplink = new VirtualUplink(options, {
      role: 'client',
      userAgent: 'Debian/12.0.0 headless-client/1.5.16 (x86_64; 6.1.0)',
      publicKey,
      tell: (event) => this.tell(event),
    })
    this.#driven = drive<ClientInput, ClientOutput>(this.state, {
      clock: network.clock,
      perform: (output) => this.#perform(output),
    })
    this.#uplink.open()
    this.tell({ type: 'upstreamsFound', own: [], system: [], searchDomains: [] })
    this.tell({ type: 'addressesChanged', addresses: this.host.addresses })
  }

  start(): void {
    this.tell({ type: 'started' })
  }

  /** Kills the process, without a goodbye. */
  kill(): void {
    this.#driven.stop()
    this.#uplink.close()
    this.host.addresses = []
  }

  tell(input: ClientInput): void {
    this.#driven.dispatch(input)
  }

  /** Moves the machine to another network. */
  move(addresses: readonly string[]): void {
    this.host.addresses = addresses
    this.tell({ type: 'addressesChanged', addresses })
  }

  /** Sends a UDP packet from an application. */
  send({ to, port, payload, from, fromPort = LOCAL_PORT }: UdpToSend): void {
    const destination = parseAddress(to)
    const source = parseAddress(from ?? (to.includes(':') ? this.ipv6 : this.ipv4))
    if (destination === undefined || source === undefined) throw new Error(`no address: ${to}`)
    const packet = buildUdp({
      source,
      destination,
      sourcePort: fromPort,
      destinationPort: port,
      payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : payload,
    })
    if (packet !== undefined) this.sendPacket(packet)
  }

  /** Sends any packet from an application. */
  sendPacket(packet: Uint8Array): void {
    this.tell({ type: 'tunPackets', packets: [packet] })
  }

  /** Resolves a name for an application, waiting at most a second; returns undefined without an answer. */
  resolve(name: string, recordType: 'A' | 'AAAA' = 'A'): string[] | undefined {
    return this.ask(name, recordType, { patienceMs: 1_000 })
      ?.records.filter(({ type }) => type === RecordType[recordType])
      .map(({ data }) => formatAddress(data))
  }

  /** Sends an application's DNS query and returns the answer, or undefined if none comes in time. */
  ask(
    name: string,
    recordType: keyof typeof RecordType | number,
    { patienceMs = 6_000 }: { patienceMs?: number } = {},
  ): (DnsAnswer & { message: Uint8Array }) | undefined {
    const id = this.#nextQuery++ & 0xffff
    const fromPort = 50_000 + (id % 10_000)
    const type = typeof recordType === 'number' ? recordType : RecordType[recordType]
    const message = writeQuery({ id, name, type })
    const sentinel = this.sentinels[0]
    if (message === undefined || sentinel === undefined) return undefined
    const before = this.received.length
    this.send({ to: sentinel, port: 53, payload: message, fromPort })
    const find = () => this.received.slice(before).find(({ toPort }) => toPort === fromPort)
    const { clock } = this.#options.network
    for (let waited = 0; find() === undefined && waited < patienceMs; waited += 10) clock.advance(10)
    const answer = find()
    if (answer === undefined) return undefined
    const read = parseAnswer(answer.payload, { id, name, type, recordClass: 1 })
    return read.type === 'refused' ? undefined : { ...read.answer, message: answer.payload }
  }

  /** Texts that applications have received from an address and port. */
  textsFrom(address: string, port: number): string[] {
    return this.received
      .filter((seen) => seen.from === address && seen.fromPort === port)
      .map(({ payload }) => new TextDecoder().decode(payload))
  }

  #perform(output: ClientOutput): void {
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
      case 'writeTun': {
        this.written.push(output.packet)
        this.onWritten(output.packet)
        const seen = readUdp(output.packet)
        const ask = seen === undefined ? undefined : this.#siteAsks.get(seen.toPort)
        if (seen !== undefined && ask !== undefined) {
          this.#siteAsks.delete(seen.toPort)
          this.tell({ type: 'siteAnswered', ask, verdict: { type: 'answered', message: seen.payload } })
          return
        }
        if (seen !== undefined) this.received.push(seen)
        return
      }
      case 'configureInterface':
        this.ipv4 = output.ipv4
        this.ipv6 = output.ipv6
        break
      case 'configureResolver':
        this.sentinels = output.servers
        break
      case 'askUpstream': {
        const message = this.upstream(output.message)
        this.tell({
          type: 'upstreamAnswered',
          ask: output.ask,
          verdict:
            message === undefined
              ? { type: 'failed', code: 'unreachable', reason: 'no such server' }
              : { type: 'answered', message },
        })
        break
      }
      case 'askGateway': {
        const { ask, server, message } = output
        const to = splitEndpoint(server)
        if (to === undefined) break
        const fromPort = FIRST_SITE_PORT + (ask % 1_000)
        this.#siteAsks.set(fromPort, ask)
        this.send({ to: to.address, port: to.port, payload: message, fromPort })
        break
      }
      case 'end':
        this.ended = output.reason
        break
      case 'keepNames':
      case 'setRoutes':
      case 'cancelAsk':
      case 'cancelSiteAsk':
      case 'inspected':
      case 'answerTcpQuery':
      case 'tellWorker':
      case 'note':
        break
    }
    this.outputs.push(output)
  }
}

export interface UdpToSend {
  to: string
  port: number
  payload: string | Uint8Array
  /** Source address, for a sender that lies; by default the client's own. */
  from?: string
  fromPort?: number
}

/** Takes any resolver that the account names; `VirtualClient.upstream` answers for all. */
const readUpstream: ReadUpstream = ({ type, settings, match }) => ({
  kind: type,
  settings,
  name: type,
  ...(match && { match }),
})
