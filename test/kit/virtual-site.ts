import { answerTo, parseQuery, RecordType, ResponseCode } from '../../core/dns/message.ts'
import { familyOf, parseAddress } from '../../core/net/ip-address.ts'
import { ACK, FIN, RST, SYN } from '../../core/net/packet-view.ts'
import { buildIcmpError, buildPacket, type PacketParts } from './packet-builder.ts'
import { readPacket, tooBigFor, type PacketSeen } from './packet-seen.ts'
import type { UdpSeen } from './udp-seen.ts'

interface Machine {
  name: string
  /** UDP and TCP ports on which nothing listens. */
  closedPorts: readonly number[]
}

/**
 * The network behind gateways: a name server, and machines that answer UDP packets, echo requests and data on a TCP
 * connection with `name: payload`. Each gateway masquerades, so a connection is known by the gateway it came through.
 */
export class VirtualSite {
  /** UDP packets from gateways, with the gateway's name. */
  readonly seen: (UdpSeen & { gateway: string })[] = []
  /** All packets from gateways, with the gateway's name. */
  readonly arrived: (PacketSeen & { gateway: string })[] = []
  /** Packets from gateways that are neither UDP, TCP nor an echo request. */
  readonly other: Uint8Array[] = []
  readonly #machines = new Map<string, Machine>()
  readonly #names = new Map<string, readonly string[]>()
  /** Answers of the name server to TXT and SRV queries, as whole messages, by name. */
  readonly #texts = new Map<string, (message: Uint8Array) => Uint8Array>()
  readonly #connections = new Set<string>()
  #latest: { back: Back; reply: (packet: Uint8Array) => void } | undefined
  /** Path MTU to each client that the machines have learned, by the client's address. */
  readonly #mtus = new Map<string, number>()

  machine(name: string, addresses: readonly string[], { closedPorts = [] }: Partial<Machine> = {}): void {
    for (const address of addresses) this.#machines.set(address, { name, closedPorts })
  }

  /** Gives a name these addresses, in place of earlier ones. */
  name(name: string, addresses: readonly string[]): void {
    this.#names.set(name, addresses)
  }

  /** Sets the name server's answer to queries for a name that do not ask for addresses. */
  answers(name: string, answer: (message: Uint8Array) => Uint8Array): void {
    this.#texts.set(name, answer)
  }

  deliver(packet: Uint8Array, { gateway, reply }: { gateway: string; reply: (packet: Uint8Array) => void }): void {
    const seen = readPacket(packet)
    if (seen === undefined) {
      this.other.push(packet)
      return
    }
    if (seen.icmp === '3/4' || seen.icmp === '2/0') {
      const about = readPacket(seen.payload)
      if (about !== undefined) this.#mtus.set(about.to, tooBigFor(packet))
      return
    }
    this.arrived.push({ ...seen, gateway })
    if (seen.kind === 'udp') this.seen.push({ ...seen, gateway })
    else if (seen.kind !== 'tcp' && seen.kind !== 'echoRequest') this.other.push(packet)
    const machine = this.#machines.get(seen.to)
    if (machine === undefined) return
    if (seen.kind === 'tcp') this.#latest = { back: backTo(seen), reply }
    const answer = this.#answer(machine, { seen, packet, gateway })
    if (answer !== undefined) reply(answer)
  }

  #answer(
    { name, closedPorts }: Machine,
    { seen, packet, gateway }: { seen: PacketSeen; packet: Uint8Array; gateway: string },
  ): Uint8Array | undefined {
    const { kind, from, to, toPort, payload } = seen
    const back = backTo(seen)
    const text = `${name}: ${new TextDecoder().decode(payload)}`
    // An answer that does not fit into the path's MTU is cut short: 48 and 28 bytes are the headers.
    const room = (this.#mtus.get(from) ?? Infinity) - (from.includes(':') ? 48 : 28)
    const said = new TextEncoder().encode(text.length > room ? text.slice(0, room) : text)
    if (kind === 'echoRequest') return buildPacket({ ...back, kind: 'echoReply', payload: said })
    const isClosed = closedPorts.includes(toPort)
    if (kind === 'tcp') return this.#answerTcp({ isClosed, seen, said, connection: `${gateway} ${from}`, back })
    if (kind !== 'udp') return undefined
    if (!isClosed) return buildPacket({ ...back, kind, payload: said })
    const [type, code] = to.includes(':') ? ([1, 4] as const) : ([3, 3] as const)
    return buildIcmpError({ source: to, destination: from, type, code, about: packet })
  }

  #answerTcp({ isClosed, seen, said, connection, back }: TcpArrival): Uint8Array | undefined {
    const { tcpFlags, fromPort, to, toPort, payload } = seen
    const key = `${connection} ${fromPort} ${to} ${toPort}`
    if ((tcpFlags & RST) !== 0) {
      this.#connections.delete(key)
      return undefined
    }
    if ((tcpFlags & (SYN | ACK)) === SYN && !isClosed) {
      this.#connections.add(key)
      return buildPacket({ ...back, flags: 'SA' })
    }
    if (!this.#connections.has(key)) return buildPacket({ ...back, flags: 'RA' })
    if ((tcpFlags & FIN) !== 0) return buildPacket({ ...back, flags: 'FA' })
    return payload.length === 0 ? undefined : buildPacket({ ...back, flags: 'PA', payload: said })
  }

  /** Sends data on the TCP connection that a packet came from last, unasked. */
  push(payload: string): void {
    const { back, reply } = this.#latest ?? {}
    if (back === undefined || reply === undefined) throw new Error('there is no connection')
    reply(buildPacket({ ...back, flags: 'PA', payload: new TextEncoder().encode(payload) }))
  }

  /** Answers a gateway's DNS query. */
  resolve(message: Uint8Array): Uint8Array {
    const verdict = parseQuery(message)
    if (verdict.type === 'refused') throw new Error(`a bad query: ${verdict.reason}`)
    const { query } = verdict
    const { name } = query
    const own = query.type === RecordType.A || query.type === RecordType.AAAA ? undefined : this.#texts.get(name)
    if (own !== undefined) return own(message)
    const known = this.#names.get(name)
    if (known === undefined) return answerTo(query, { code: ResponseCode.NXDOMAIN })
    const wanted = query.type === RecordType.A ? 'ipv4' : 'ipv6'
    const data = known.flatMap((text) => {
      const bytes = parseAddress(text)
      return bytes !== undefined && familyOf(bytes) === wanted ? [bytes] : []
    })
    if (data.length === 0) return answerTo(query, { code: ResponseCode.NOERROR })
    return answerTo(query, { code: ResponseCode.NOERROR, records: { type: query.type, ttlSeconds: 60, data } })
  }
}

type Back = Pick<PacketParts, 'source' | 'destination' | 'sourcePort' | 'destinationPort'>

const backTo = ({ from, fromPort, to, toPort }: PacketSeen): Back => ({
  source: to,
  destination: from,
  sourcePort: toPort,
  destinationPort: fromPort,
})

interface TcpArrival {
  isClosed: boolean
  seen: PacketSeen
  said: Uint8Array
  /** The gateway that the packet came through and the client behind it. */
  connection: string
  back: Back
}
