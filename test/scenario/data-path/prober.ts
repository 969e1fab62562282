import { ACK, RST, SYN } from '../../../core/net/packet-view.ts'
import { SECOND } from '../../../core/runtime/time.ts'
import { buildPacket, checksumsAreRight, describePacket, type PacketParts } from '../../kit/packet-builder.ts'
import { readPacket, tooBigFor } from '../../kit/packet-seen.ts'
import type { VirtualClient } from '../../kit/virtual-client.ts'
import type { VirtualWorld } from '../../kit/virtual-world.ts'
import { Deviation } from './deviation.ts'
import { isAddress, type Family, type Probe } from './model.ts'

/** Milliseconds between an application's query and the gateway's new answer for the name (D10). */
const REFRESHED_MS = 100
const PATIENCE_MS = 4 * SECOND
/** Attempts of an application, enough for a client to leave several gateways that it cannot reach, each after 12 s. */
const ATTEMPTS = 12

/** Addresses and ports of an application's packets. */
export interface Talk {
  client: VirtualClient
  protocol: Probe['protocol']
  to: string
  port: number
  fromPort: number
}

/** Applications that resolve names, send packets, repeat them, and read the answers. */
export class Prober {
  readonly #world: VirtualWorld
  readonly #used = new Set<string>()
  #said = 0
  /** Path MTU that a client's kernel has learned, by client and destination. */
  readonly #mtus = new Map<string, number>()

  constructor(world: VirtualWorld) {
    this.#world = world
  }

  /** Resolves a probe's target and chooses a port; returns undefined if the name has no address of the family. */
  talk(client: VirtualClient, { target, family, protocol, port, choice }: Probe): Talk | undefined {
    const found = isAddress(target) ? [target] : client.resolve(target, family === 'ipv4' ? 'A' : 'AAAA')
    const to = found?.[choice % Math.max(1, found.length)]
    if (to === undefined) return undefined
    // The lowest port not used with this address before, as earlier flows may still be known. Flows to different
    // addresses share ports.
    const key = (fromPort: number) => `${client.name} ${protocol} ${to} ${fromPort}`
    let fromPort = 20_000
    while (this.#used.has(key(fromPort))) fromPort++
    this.#used.add(key(fromPort))
    return { client, protocol, to, port, fromPort }
  }

  /** Sends one packet without waiting for an answer. */
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

  /** Sends a probe and returns its result, in the words of the model. A TCP connection has to work until its end. */
  observe(client: VirtualClient, probe: Probe, expected: readonly string[]): string {
    const talk = this.talk(client, probe)
    if (talk === undefined) return 'unresolved'
    if (!isAddress(probe.target)) this.#world.clock.advance(REFRESHED_MS)
    // An application tries again; where silence is expected, once is enough.
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

  /** Opens a TCP connection; returns `SA` if it is open, otherwise its result in the words of the model. */
  connect(talk: Talk): string {
    const opened = this.#exchange(talk, { flags: 'S', text: '', attempts: ATTEMPTS })
    if (opened === 'SA') this.send(talk, 'A')
    return opened
  }

  /** Sends data over an open connection and returns the result. */
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
      // "Packet too big" is no answer: the sender repeats a shorter packet, which does not count as an attempt.
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

/** Lengths of packets with data, at most the MTU of the tunnel device; 0 for a packet without filling. */
const SIZES = [0, 0, 1_280, 1_281, 1_376, 1_408]
const FILLING = '.'

const filled = (text: string, { to }: Talk, size: number): string =>
  text.padEnd(size - (to.includes(':') ? 48 : 28), FILLING)

/**
 * Result that a packet from the tunnel device means for a packet that was sent, in the words of the model; undefined if
 * it answers another packet.
 */
const answerIn = (
  bytes: Uint8Array | undefined,
  { to, port, fromPort, protocol }: Talk,
  { packet, text }: { packet: Uint8Array; text: string },
): string | undefined => {
  const seen = bytes === undefined ? undefined : readPacket(bytes)
  if (bytes === undefined || seen === undefined) return undefined
  if (seen.kind === 'icmpError') {
    // The error quotes the sender's own packet, with its addresses and ports (T7).
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
