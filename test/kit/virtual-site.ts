import { answerTo, parseQuery, RecordType, ResponseCode } from '../../core/dns/message.ts'
import { familyOf, parseAddress } from '../../core/net/ip-address.ts'
import { buildUdp } from '../../core/net/udp-packet.ts'
import { readUdp, type UdpSeen } from './udp-seen.ts'

/** The network behind gateways: machines that answer each UDP packet with `name: payload`, and a name server. */
export class VirtualSite {
  /** Everything that gateways let through, with who did. */
  readonly seen: (UdpSeen & { gateway: string })[] = []
  /** What gateways let through that is not UDP. */
  readonly other: Uint8Array[] = []
  readonly #machines = new Map<string, string>()
  readonly #names = new Map<string, readonly string[]>()
  /** What the name server says of TXT and SRV, as it would go over the wire. */
  readonly #texts = new Map<string, (message: Uint8Array) => Uint8Array>()

  machine(name: string, addresses: readonly string[]): void {
    for (const address of addresses) this.#machines.set(address, name)
  }

  name(name: string, addresses: readonly string[]): void {
    this.#names.set(name, addresses)
  }

  /** The name server's own answer to any query that is not for addresses. */
  answers(name: string, answer: (message: Uint8Array) => Uint8Array): void {
    this.#texts.set(name, answer)
  }

  deliver(packet: Uint8Array, { gateway, reply }: { gateway: string; reply: (packet: Uint8Array) => void }): void {
    const udp = readUdp(packet)
    if (udp === undefined) {
      this.other.push(packet)
      return
    }
    this.seen.push({ ...udp, gateway })
    const machine = this.#machines.get(udp.to)
    const [source, destination] = [parseAddress(udp.to), parseAddress(udp.from)]
    if (machine === undefined || source === undefined || destination === undefined) return
    const answer = buildUdp({
      source,
      destination,
      sourcePort: udp.toPort,
      destinationPort: udp.fromPort,
      payload: new TextEncoder().encode(`${machine}: ${new TextDecoder().decode(udp.payload)}`),
    })
    if (answer !== undefined) reply(answer)
  }

  /** Answers a gateway's query. */
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
