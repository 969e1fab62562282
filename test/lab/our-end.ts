import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { TunnelOutput } from '../../core/contract/tunnel-transport.ts'
import type { Namespace } from '../../hosts/lab/namespace.ts'
import { Changes } from '../kit/changes.ts'
import { PATIENCE_MS } from '../kit/patience.ts'
import { echoReplyTo } from './icmp-echo.ts'
import type { EndCommand, EndReport, EndTuning } from './wireguard-end.ts'

export const isInitiation = (datagram: Uint8Array): boolean => datagram[0] === 1
export const hasMac2 = (datagram: Uint8Array): boolean => datagram.subarray(-16).some((byte) => byte !== 0)

/** Our transport as a process in a namespace. */
export class OurEnd {
  readonly #namespace: Namespace
  #child: ChildProcess | undefined
  outputs: TunnelOutput[] = []
  received = new Set<number>()
  sent: Uint8Array[] = []
  #opened = false
  #counters: Readonly<Record<string, number>> | undefined
  readonly #changes = new Changes()
  #answers = false

  constructor(namespace: Namespace) {
    this.#namespace = namespace
  }

  /** Number of packets that came out of the tunnel. */
  get delivered(): number {
    return this.outputs.filter(({ type }) => type === 'deliverPacket').length
  }

  get established(): number {
    return this.outputs.filter(({ type }) => type === 'sessionEstablished').length
  }

  async open(privateKey: Uint8Array, port: number, tuning: EndTuning = {}): Promise<void> {
    const script = fileURLToPath(new URL('wireguard-end.js', import.meta.url))
    this.#child = spawn('ip', ['netns', 'exec', this.#namespace.name, process.execPath, script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    this.#child.on('message', (report: EndReport) => this.#take(report))
    this.#tell({ type: 'open', privateKey, port, tuning })
    await this.until('our socket', () => this.#opened)
  }

  async restart(privateKey: Uint8Array, port: number, tuning?: EndTuning): Promise<void> {
    await this.close()
    this.#opened = false
    this.#counters = undefined
    await this.open(privateKey, port, tuning)
  }

  /** Ends the process; resolves with its numbers of dropped packets. */
  async close(): Promise<Readonly<Record<string, number>>> {
    if (this.#child?.connected === true && this.#counters === undefined) {
      this.#tell({ type: 'close' })
      await this.until('the end of our process', () => this.#counters !== undefined)
    }
    return this.#counters ?? {}
  }

  addPeer(peer: { publicKey: Uint8Array; presharedKey: Uint8Array; path?: string }): void {
    this.#tell({ type: 'input', input: { type: 'peerAdded', peer: 'them', ...peer } })
  }

  choosePath(path: string): void {
    this.#tell({ type: 'input', input: { type: 'pathChosen', peer: 'them', path } })
  }

  connect(): void {
    this.#tell({ type: 'input', input: { type: 'connectRequested', peer: 'them' } })
  }

  send(packet: Uint8Array): void {
    this.#tell({ type: 'input', input: { type: 'packetQueued', peer: 'them', packet } })
  }

  skipTime(milliseconds: number): void {
    this.#tell({ type: 'skipTime', milliseconds })
  }

  flood(to: string, datagram: Uint8Array, times: number): void {
    this.#tell({ type: 'sendRaw', to, datagram, times })
  }

  answerPings(): void {
    this.#answers = true
  }

  packet(what: string, matches: (packet: Uint8Array) => boolean, timeoutMs?: number): Promise<void> {
    return this.until(what, () => this.has(matches), timeoutMs)
  }

  has(matches: (packet: Uint8Array) => boolean): boolean {
    return this.outputs.some((output) => output.type === 'deliverPacket' && matches(output.packet))
  }

  async until(what: string, condition: () => boolean, timeoutMs = PATIENCE_MS): Promise<void> {
    await this.#changes.until(condition, { timeoutMs, failure: `${what} did not come in ${timeoutMs} ms` })
  }

  #tell(command: EndCommand): void {
    this.#child?.send(command)
  }

  #take(report: EndReport): void {
    if (report.type === 'opened') this.#opened = true
    else if (report.type === 'counters') this.#counters = report.counters
    else if (report.type === 'received') this.received.add(report.kind)
    else if (report.output.type === 'sendDatagram') this.sent.push(report.output.datagram)
    else {
      this.outputs.push(report.output)
      const reply = this.#answers && report.output.type === 'deliverPacket' && echoReplyTo(report.output.packet)
      if (reply instanceof Uint8Array) this.send(reply)
    }
    this.#changes.happened()
  }
}
