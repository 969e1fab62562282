// A bad network between two ends of WireGuard, as a process of its own: datagrams that our end sends to `front` reach
// the other end from `back`, and the other way round, with losses, duplicates and in another order. At its end it
// reports in JSON what it let through.
import { createSocket, type Socket } from 'node:dgram'
import { splitEndpoint } from '../../core/runtime/endpoint.ts'
import { readInput } from '../../hosts/lab/program/stdin.ts'
import { Disorder, type DisorderOptions } from '../kit/disorder.ts'

export interface ForwarderInput {
  front: number
  back: number
  /** Endpoint of each side. */
  ours: string
  theirs: string
  disorder: DisorderOptions
}

/** Counts of one direction. */
export interface Forwarded {
  lost: number
  handshakes: number
  /** Data messages with a packet, each counted once. */
  packets: number
  /** Data messages that came after a later one of their session. */
  late: number
  /** Data messages, keepalives too, that came another time. */
  repeated: number
}

export type ForwarderReport = Record<'toThem' | 'toUs', Forwarded>

/** Milliseconds of silence after which delayed datagrams are delivered. */
const SILENCE_MS = 40
const DATA = 4
const KEEPALIVE_BYTES = 32

class Direction {
  readonly #disorder: Disorder<Uint8Array>
  readonly #tally: Forwarded = { lost: 0, handshakes: 0, packets: 0, late: 0, repeated: 0 }
  readonly #seen = new Set<string>()
  readonly #greatest = new Map<number, bigint>()
  readonly #send: (datagram: Uint8Array) => void
  #silence: NodeJS.Timeout | undefined

  constructor(disorder: DisorderOptions, send: (datagram: Uint8Array) => void) {
    this.#disorder = new Disorder(disorder)
    this.#send = send
  }

  take(datagram: Uint8Array): void {
    for (const out of this.#disorder.pass(datagram)) this.#goOn(out)
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.flush(), SILENCE_MS)
  }

  flush(): void {
    for (const out of this.#disorder.flush()) this.#goOn(out)
  }

  report(): Forwarded {
    return { ...this.#tally, lost: this.#disorder.lost }
  }

  #goOn(datagram: Uint8Array): void {
    this.#count(datagram)
    this.#send(datagram)
  }

  #count(datagram: Uint8Array): void {
    if (datagram[0] !== DATA) {
      this.#tally.handshakes += 1
      return
    }
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength)
    const [receiver, counter] = [view.getUint32(4, true), view.getBigUint64(8, true)]
    const name = `${receiver}:${counter}`
    if (this.#seen.has(name)) {
      this.#tally.repeated += 1
      return
    }
    this.#seen.add(name)
    const greatest = this.#greatest.get(receiver) ?? -1n
    if (counter > greatest) this.#greatest.set(receiver, counter)
    if (datagram.length === KEEPALIVE_BYTES) return
    this.#tally.packets += 1
    if (counter < greatest) this.#tally.late += 1
  }
}

const bound = (port: number): Promise<Socket> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.bind(port, () => resolve(socket))
  })

const { front, back, ours, theirs, disorder } = await readInput<ForwarderInput>()
const [frontSocket, backSocket] = [await bound(front), await bound(back)]
const sendTo = (socket: Socket, to: string) => (datagram: Uint8Array) => {
  const target = splitEndpoint(to)
  if (target !== undefined) socket.send(datagram, target.port, target.address)
}
const toThem = new Direction({ ...disorder, seed: `${disorder.seed} to them` }, sendTo(backSocket, theirs))
const toUs = new Direction({ ...disorder, seed: `${disorder.seed} to us` }, sendTo(frontSocket, ours))
frontSocket.on('message', (datagram) => toThem.take(datagram))
backSocket.on('message', (datagram) => toUs.take(datagram))
process.on('SIGTERM', () => {
  for (const direction of [toThem, toUs]) direction.flush()
  const report: ForwarderReport = { toThem: toThem.report(), toUs: toUs.report() }
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit())
})
process.stdout.write('ready\n')
