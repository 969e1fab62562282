import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Changes } from '../../kit/changes.ts'
import type { Bed } from './bed.ts'
import type { LiarCommand, LiarReport } from './liar-end.ts'
import { ipv4Of, ipv6Of, type Families } from './topology.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

/** A dishonest client of the group's person, whose process is liar-end.ts. */
export class Liar {
  ipv4 = ''
  ipv6 = ''
  publicKey = new Uint8Array(0)
  /** Packets that came out of its tunnel, in order. */
  readonly packets: Uint8Array[] = []
  /** Sealed data messages that it has sent. */
  readonly sent: Uint8Array[] = []
  /** Handshake messages that it has received. */
  readonly handshakes: { kind: number; receiver: number }[] = []
  readonly #sealed: Uint8Array[] = []
  /** Names of the portal's events that it has received. */
  readonly #heard: string[] = []
  readonly #answers = new Map<string, string>()
  readonly #child: ChildProcess
  readonly #changes = new Changes()
  readonly #bed: Bed
  #isEstablished = false

  private constructor(bed: Bed, name: string) {
    this.#bed = bed
    const script = fileURLToPath(new URL('liar-end.js', import.meta.url))
    this.#child = spawn('ip', ['netns', 'exec', bed.machine(name).name, process.execPath, script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    this.#child.on('message', (report: LiarReport) => this.#take(report))
  }

  /** Starts the client on a machine of its own on the client's network. */
  static async join(
    bed: Bed,
    { name, host, token, families = 'ipv4' }: { name: string; host: number; token?: string; families?: Families },
  ): Promise<Liar> {
    await bed.join(name, [{ network: 'lan', host, families }])
    const liar = new Liar(bed, name)
    const url = bed.portalUrlFor(families)
    const address = (families === 'ipv6' ? ipv6Of : ipv4Of)('lan', host)
    liar.#tell({ type: 'join', url, token: token ?? (await bed.clientToken(name)), name, address })
    await liar.until('its addresses', () => liar.ipv4 !== '')
    return liar
  }

  /** Requests a resource and resolves with the name of the portal's answering event. */
  async ask(resource: string): Promise<string> {
    const resourceId = this.#bed.id(resource)
    this.#answers.delete(resourceId)
    this.#tell({ type: 'ask', resourceId })
    await this.until(`an answer about ${resource}`, () => this.#answers.has(resourceId))
    return this.#answers.get(resourceId) ?? ''
  }

  /** Waits until its tunnel is established. */
  connected(): Promise<void> {
    return this.until('its tunnel', () => this.#isEstablished)
  }

  send(...packets: readonly Uint8Array[]): void {
    this.#tell({ type: 'send', packets })
  }

  /** Seals packets without sending them, and returns the datagrams in order. */
  async seal(...packets: readonly Uint8Array[]): Promise<Uint8Array[]> {
    this.#sealed.length = 0
    this.#tell({ type: 'seal', packets })
    await this.until('its own datagrams', () => this.#sealed.length >= packets.length)
    return [...this.#sealed]
  }

  initiate(claim: { claimed: Uint8Array; sender: number }): void {
    this.#tell({ type: 'initiate', ...claim })
  }

  sendRaw(...datagrams: readonly Uint8Array[]): void {
    this.#tell({ type: 'sendRaw', datagrams })
  }

  /** Resolves with the first packet out of the tunnel that matches. */
  async packet(what: string, matches: (packet: Uint8Array) => boolean): Promise<Uint8Array> {
    await this.until(what, () => this.packets.some(matches))
    return this.packets.find(matches) ?? new Uint8Array()
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    await this.#changes
      .until(condition, { timeoutMs: PATIENCE_MS, failure: `the liar never got ${what}` })
      .catch((error: unknown) => {
        const end = this.#child.exitCode === null ? '' : `, and ended with ${this.#child.exitCode}`
        throw new Error(`${String(error)}: it heard ${this.#heard.join(', ') || 'nothing'}${end}`)
      })
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  #tell(command: LiarCommand): void {
    this.#child.send(command)
  }

  #take(report: LiarReport): void {
    switch (report.type) {
      case 'joined':
        this.ipv4 = report.ipv4
        this.ipv6 = report.ipv6
        this.publicKey = new Uint8Array(report.publicKey)
        break
      case 'heard':
        this.#heard.push(report.event)
        break
      case 'answered':
        this.#answers.set(report.resourceId, report.event)
        break
      case 'packet':
        this.packets.push(report.packet)
        break
      case 'sent':
        this.sent.push(report.datagram)
        break
      case 'sealed':
        this.#sealed.push(report.datagram)
        break
      case 'handshake':
        this.handshakes.push({ kind: report.kind, receiver: report.receiver })
        break
      case 'established':
        this.#isEstablished = true
    }
    this.#changes.happened()
  }
}
