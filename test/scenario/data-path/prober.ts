import { ACK, RST, SYN } from '../../../core/net/packet-view.ts'
import { SECOND } from '../../../core/runtime/time.ts'
import { buildPacket, checksumsAreRight, describePacket, type PacketParts } from '../../kit/packet-builder.ts'
import { readPacket, tooBigFor } from '../../kit/packet-seen.ts'
import type { VirtualClient } from '../../kit/virtual-client.ts'
import type { VirtualWorld } from '../../kit/virtual-world.ts'
import { Deviation } from './deviation.ts'
import { isAddress, type Family, type Probe } from './model.ts'

/** From an application's query to the gateway's new answer (D10). */
const REFRESHED_MS = 100
const PATIENCE_MS = 4 * SECOND
/** Of several gateways that it has no way to, a client leaves each after 12 s. */
const ATTEMPTS = 12

/** One end of what an application sends and hears. */
export interface Talk {
  client: VirtualClient
  protocol: Probe['protocol']
  to: string
  port: number
  fromPort: number
}

/** Applications that ask for names, send packets, send them again, and look at what comes back. */
export class Prober {
  readonly #world: VirtualWorld
  readonly #used = new Set<string>()
  #said = 0
  /** What a client's kernel was told of the way to an address. */
  readonly #mtus = new Map<string, number>()

  constructor(world: VirtualWorld) {
    this.#world = world
  }

  /** What an application writes to; undefined where a name has no address of the family. */
  talk(client: VirtualClient, { target, family, protocol, port, choice }: Probe): Talk | undefined {
    const found = isAddress(target) ? [target] : client.resolve(target, family === 'ipv4' ? 'A' : 'AAAA')
    const to = found?.[choice % Math.max(1, found.length)]
    if (to === undefined) return undefined
    // The lowest that has not been used with this address, whose flow may still be known; so flows to different addresses meet at it.
    const key = (fromPort: number) => `${client.name} ${protocol} ${to} ${fromPort}`
    let fromPort = 20_000
    while (this.#used.has(key(fromPort))) fromPort++
    this.#used.add(key(fromPort))
    return { client, protocol, to, port, fromPort }
  }

  /** Sends once and waits for nothing. */
  send(talk: Talk, flags = 'S', text = ''): Uint8Array {
    const { client, protocol, to, port, fromPort } = talk
    const kind: PacketParts['kind'] = protocol === 'icmp' ? 'echoRequest' : protocol
    const source = to.includes(':') ? client.ipv6 : client.ipv4
    const payload = new TextEncoder().encode(text)
    const packet = buildPacket({
      kind,
      source,
      destination: to,
      sourcePort: fromPort,
      destinationPort: port,
      flags,
      payload,
    })
    client.sendPacket(packet)
    return packet
  }

  /** What a probe meets, in the words of the model. A TCP connection has to work until its end. */
  observe(client: VirtualClient, probe: Probe, expected: readonly string[]): string {
    const talk = this.talk(client, probe)
    if (talk === undefined) return 'unresolved'
    if (!isAddress(probe.target)) this.#world.clock.advance(REFRESHED_MS)
    // An application tries again; where nothing but silence is expected, once is enough.
    const attempts = expected.includes('silent') ? 1 : ATTEMPTS
    if (probe.protocol !== 'tcp') return this.#exchange(talk, { flags: '', text: `${++this.#said}`, attempts })
    const opened = this.#exchange(talk, { flags: 'S', text: '', attempts })
    if (opened !== 'SA') return opened
    this.send(talk, 'A')
    const said = this.say(talk)
    this.#exchange(talk, { flags: 'FA', text: '', attempts })
    this.send(talk, 'A')
    return said
  }

  /** Opens a TCP connection; what came of it, `SA` where it is open. */
  connect(talk: Talk): string {
    const opened = this.#exchange(talk, { flags: 'S', text: '', attempts: ATTEMPTS })
    if (opened === 'SA') this.send(talk, 'A')
    return opened
  }

  /** Sends data over an open connection. */
  say(talk: Talk, attempts = ATTEMPTS): string {
    return this.#exchange(talk, { flags: 'PA', text: `${++this.#said}`, attempts })
  }

  #exchange(talk: Talk, { flags, text, attempts }: { flags: string; text: string; attempts: number }): string {
    const { written } = talk.client
    const from = written.length
    let seen: string | undefined
    const size = flags === '' ? SIZES[Number(text) % SIZES.length] : undefined
    for (let attempt = 0; attempt < attempts; attempt++) {
      const mtu = this.#mtuOf(talk)
      const packet = this.send(talk, flags, filled(text, talk, Math.min(size ?? 0, mtu)))
      const isOver = () => {
        for (const one of written.slice(from)) {
          seen ??= answerIn(one, talk, { packet, text })
          this.#noteTooBig(one, talk)
        }
        return seen !== undefined || this.#mtuOf(talk) < mtu
      }
      if (this.#world.until(isOver, { withinMs: PATIENCE_MS, stepMs: 50 }) === undefined) continue
      if (seen !== undefined) break
      // It is the sender's to send less, and not an answer.
      attempt--
    }
    for (const one of written.slice(from)) {
      if (!checksumsAreRight(one)) throw new Deviation(`a wrong checksum: ${describePacket(one)}`)
    }
    return seen ?? 'silent'
  }

  #mtuOf({ client, to }: Talk): number {
    return this.#mtus.get(`${client.name} ${to}`) ?? Infinity
  }

  #noteTooBig(bytes: Uint8Array, talk: Talk): void {
    const { client, to } = talk
    const seen = readPacket(bytes)
    if (seen?.icmp !== '3/4' && seen?.icmp !== '2/0') return
    if (readPacket(seen.payload)?.to !== to) return
    this.#mtus.set(`${client.name} ${to}`, Math.min(tooBigFor(bytes), this.#mtuOf(talk)))
  }
}

/** Lengths of packets that carry something; none is longer than what the device takes. 0: as short as can be. */
const SIZES = [0, 0, 1_280, 1_281, 1_376, 1_408]
const FILLING = '.'

const filled = (text: string, { to }: Talk, size: number): string =>
  text.padEnd(size - (to.includes(':') ? 48 : 28), FILLING)

/** What a packet says about what was sent, in the words of the model; undefined where it is about something else. */
const answerIn = (
  bytes: Uint8Array | undefined,
  { to, port, fromPort, protocol }: Talk,
  { packet, text }: { packet: Uint8Array; text: string },
): string | undefined => {
  const seen = bytes === undefined ? undefined : readPacket(bytes)
  if (bytes === undefined || seen === undefined) return undefined
  if (seen.kind === 'icmpError') {
    // It quotes the sender's own packet, as far as addresses and ports go (T7).
    if (describePacket(seen.payload) !== describePacket(packet)) return undefined
    return wordFor(seen.icmp, to.includes(':') ? 'ipv6' : 'ipv4')
  }
  const kind = protocol === 'icmp' ? 'echoReply' : protocol
  const fromPortSeen = protocol === 'icmp' ? fromPort : port
  if (seen.kind !== kind || seen.from !== to || seen.toPort !== fromPort || seen.fromPort !== fromPortSeen)
    return undefined
  if ((seen.tcpFlags & RST) !== 0) return 'closed'
  if ((seen.tcpFlags & (SYN | ACK)) === (SYN | ACK)) return text === '' ? 'SA' : undefined
  const [name, said = ''] = new TextDecoder().decode(seen.payload).split(': ')
  if (text === '') return seen.payload.length === 0 ? 'ended' : undefined
  return said.split(FILLING)[0] === text ? `answered by ${name}` : undefined
}

const wordFor = (icmp: string, family: Family): string | undefined =>
  family === 'ipv4'
    ? { '3/13': 'prohibited', '3/1': 'unreachable', '3/0': 'unreachable', '3/3': 'closed' }[icmp]
    : { '1/1': 'prohibited', '1/3': 'unreachable', '1/0': 'unreachable', '1/4': 'closed' }[icmp]
