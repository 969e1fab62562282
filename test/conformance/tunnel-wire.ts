import type { Random } from '../../core/runtime/random.ts'
import { earliest } from '../../core/runtime/machine.ts'
import { after, instant, unixTime, type Instant } from '../../core/runtime/time.ts'
import type { Path, Tunnel, TunnelInput, TunnelOutput } from '../../core/contract/tunnel-transport.ts'
import { lend } from '../kit/lent-bytes.ts'

export interface CarriedDatagram {
  from: string
  path: Path
  bytes: Uint8Array
  /** Number of datagrams that this end had sent before. */
  ordinal: number
}

/** Decides what arrives for a datagram: bytes with their delay and path, nothing for a loss. */
export type Fate = (datagram: CarriedDatagram) => { bytes: Uint8Array; delayMs?: number; path?: Path }[]

interface Arrival {
  at: Instant
  order: number
  to: string
  path: Path
  bytes: Uint8Array
}

interface End {
  tunnel: Tunnel
  outputs: TunnelOutput[]
  sent: CarriedDatagram[]
}

const LATENCY_MS = 10

/**
 * Tunnels in virtual time, joined by paths. A path is named by its two ends, `a-b`, or with a remark behind, `a-b:lte`: what one
 * of them sends on it arrives at the other with the same name.
 */
export class TunnelWire {
  now = instant(1_000)
  fate: Fate = ({ bytes }) => [{ bytes }]
  readonly #ends = new Map<string, End>()
  #arrivals: Arrival[] = []
  #order = 0

  /** Options for a tunnel at this wire: a wall clock that runs with it. */
  unixAt = (now: Instant) => unixTime(Date.UTC(2026, 0, 5, 9) + now)

  attach(name: string, tunnel: Tunnel): void {
    this.#ends.set(name, { tunnel, outputs: [], sent: this.#ends.get(name)?.sent ?? [] })
  }

  input(name: string, input: TunnelInput): void {
    const end = this.#end(name)
    end.tunnel.handle(input, this.now)
    this.#drain(name, end)
  }

  /** Outputs of an end since the last call, without datagrams, which are on the wire. */
  take(name: string): TunnelOutput[] {
    return this.#end(name).outputs.splice(0)
  }

  /** The packets that an end was given since the last call; other outputs stay. */
  delivered(name: string): Uint8Array[] {
    const end = this.#end(name)
    const packets = end.outputs.flatMap((output) => (output.type === 'deliverPacket' ? [output.packet] : []))
    end.outputs = end.outputs.filter(({ type }) => type !== 'deliverPacket')
    return packets
  }

  /** All that an end ever sent. */
  sent(name: string): readonly CarriedDatagram[] {
    return this.#end(name).sent
  }

  /** Lets time pass, with what arrives and what is due on the way. */
  advance(milliseconds: number): void {
    const end = after(this.now, milliseconds)
    for (let turns = 0; turns < 100_000; turns++) {
      const arrival = this.#arrivals[0]
      const due = earliest(...[...this.#ends.values()].map(({ tunnel }) => tunnel.deadline()))
      const next = Math.min(arrival?.at ?? Infinity, due?.at ?? Infinity)
      if (next > end) break
      this.now = instant(Math.max(this.now, next))
      if (arrival !== undefined && arrival.at <= this.now) {
        this.#arrivals.shift()
        if (this.#ends.has(arrival.to)) {
          lend(arrival.bytes, (datagram) =>
            this.input(arrival.to, { type: 'datagramReceived', path: arrival.path, datagram }),
          )
        }
      } else this.#wakeAll()
    }
    this.now = end
  }

  #wakeAll(): void {
    for (const [name, end] of this.#ends) {
      const due = end.tunnel.deadline()
      if (due === undefined || due.at > this.now) continue
      end.tunnel.wake(this.now)
      this.#drain(name, end)
    }
  }

  #drain(name: string, end: End): void {
    for (let output = end.tunnel.poll(); output !== undefined; output = end.tunnel.poll()) {
      if (output.type === 'sendDatagram') this.#carry(name, end, output)
      else end.outputs.push(output)
    }
  }

  #carry(from: string, end: End, { path, datagram }: { path: Path; datagram: Uint8Array }): void {
    const carried = { from, path, bytes: new Uint8Array(datagram), ordinal: end.sent.length }
    end.sent.push(carried)
    // The bytes are the host's: a transport that still needs them has lost them.
    datagram.fill(0xa5)
    for (const { bytes, delayMs = 0, path: arrivesOn = path } of this.fate(carried)) {
      const [first = '', second = ''] = (path.split(':')[0] ?? '').split('-')
      const to = first === from ? second : first
      const at = after(this.now, LATENCY_MS + delayMs)
      this.#arrivals.push({ at, order: this.#order++, to, path: arrivesOn, bytes: new Uint8Array(bytes) })
    }
    this.#arrivals.sort((a, b) => a.at - b.at || a.order - b.order)
  }

  #end(name: string): End {
    const end = this.#ends.get(name)
    if (end === undefined) throw new Error(`nothing is attached as ${name}`)
    return end
  }
}

/** An IPv4 packet that carries a number, and random bytes up to a length. */
export const numberedPacket = (number: number, random: Random, length = 60): Uint8Array => {
  const packet = random.bytes(Math.max(length, 24))
  const view = new DataView(packet.buffer, packet.byteOffset)
  view.setUint16(0, 0x4500)
  view.setUint16(2, packet.length)
  view.setUint32(20, number)
  return packet
}

/** The number that such a packet carries. */
export const numberOf = (packet: Uint8Array): number =>
  new DataView(packet.buffer, packet.byteOffset, packet.byteLength).getUint32(20)
