import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Changes } from '../../kit/changes.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import type { Bed } from './bed.ts'
import type { HostileGatewayCommand, HostileGatewayReport } from './hostile-gateway-end.ts'
import { ipv4Of } from './topology.ts'

/** A gateway of a site that sends its clients whatever a test wants: see hostile-gateway-end.ts. */
export class HostileGateway {
  /** Packets that came out of its client's tunnel, in order. */
  readonly packets: Uint8Array[] = []
  readonly #child: ChildProcess
  readonly #changes = new Changes()
  #isJoined = false

  private constructor(machine: string) {
    const script = fileURLToPath(new URL('hostile-gateway-end.js', import.meta.url))
    this.#child = spawn('ip', ['netns', 'exec', machine, process.execPath, script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    this.#child.on('message', (report: HostileGatewayReport) => this.#take(report))
  }

  /** Joins the portal as a gateway of a site, on a machine of its own on the world's network. */
  static async join(bed: Bed, { name, host, site }: { name: string; host: number; site: string }) {
    await bed.join(name, [{ network: 'outside', host, families: 'ipv4' }])
    const { token } = await bed.api.create(`sites/${bed.id(site)}/gateway_tokens`, { name })
    const gateway = new HostileGateway(bed.machine(name).name)
    const address = ipv4Of('outside', host)
    gateway.#tell({ type: 'join', url: bed.portalUrlFor('ipv4'), token: String(token), name, address })
    await gateway.#until('the portal', () => gateway.#isJoined)
    return gateway
  }

  send(...packets: readonly Uint8Array[]): void {
    this.#tell({ type: 'send', packets })
  }

  /** Waits for the first packet out of its client's tunnel that fits. */
  async packet(what: string, matches: (packet: Uint8Array) => boolean): Promise<Uint8Array> {
    await this.#until(what, () => this.packets.some(matches))
    return this.packets.find(matches) ?? new Uint8Array()
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  #until(what: string, condition: () => boolean): Promise<void> {
    return this.#changes.until(condition, { timeoutMs: PATIENCE_MS, failure: `the hostile gateway never got ${what}` })
  }

  #tell(command: HostileGatewayCommand): void {
    this.#child.send(command)
  }

  #take(report: HostileGatewayReport): void {
    if (report.type === 'joined') this.#isJoined = true
    else this.packets.push(report.packet)
    this.#changes.happened()
  }
}
