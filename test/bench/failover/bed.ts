import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '../../../hosts/lab/eventually.ts'
import { Lab } from '../../../hosts/lab/lab.ts'
import { allow, clientConnected, clientConnects, gatewaysConnected, STARTING } from '../../../hosts/lab/setting-up.ts'
import { walk } from '../../../hosts/lab/step.ts'
import { GATEWAYS, MACHINES, type GatewayName } from '../../../hosts/lab/topology.ts'
import { World } from '../../../hosts/lab/world.ts'
import type { StreamFigures } from '../child/connection-stream.ts'
import { LineChild } from '../reach/line-child.ts'

/** Interval of new connections. */
const EVERY_MS = 20
/** Time that connections go on before a change, and for which they must be answered after it. */
const STEADY_MS = 1_500
/** Time that a gateway has for the work of its start. */
const START_MS = 4_000
/** Longest time for which connections are watched after a change. */
const WATCH_MS = 12_000

/** Portal, client and two gateways of one site on machines of their own, with a stream of new TCP connections through one. */
export class Bed {
  readonly #world: World
  readonly #stream: LineChild

  private constructor(world: World, stream: LineChild) {
    this.#world = world
    this.#stream = stream
  }

  /** Builds the network, starts everything, and lets connections run. */
  static async open(): Promise<Bed> {
    const world = new World(await Lab.open({ hasProvider: false }))
    const { lab } = world
    try {
      const steps = [...STARTING, clientConnects({ at: MACHINES.client.outside })]
      const reports = await walk(steps, world, { interrupted: lab.crashed, onReport: () => undefined })
      const failed = reports.find(({ ok }) => !ok)
      if (failed !== undefined) throw new Error(`${failed.name}: ${failed.detail}`)
      const resource = { type: 'cidr', site_id: world.id('site'), name: 'Web', filters: [] }
      await world.make('web', 'resources', { ...resource, address: `${MACHINES.web.site}/32` })
      await allow(world, 'web')
      const stream = new LineChild(lab.machines.client, 'connection-stream')
      stream.tell({ address: MACHINES.web.site, everyMs: EVERY_MS })
      await stream.next()
      return new Bed(world, stream)
    } catch (error) {
      await lab.close()
      throw error
    }
  }

  /** Makes a change while connections go on, and returns what they saw of it. `change` is given the gateway in use. */
  async measure(change: (used: GatewayName) => Promise<void>): Promise<StreamFigures> {
    await pause(STEADY_MS)
    const before = await this.#next()
    await change(this.#gatewayAt(before.from))
    await pause(STEADY_MS)
    await this.#answered()
    await pause(STEADY_MS)
    return this.#next()
  }

  async kill(gateway: GatewayName): Promise<void> {
    await this.#world.lab.killPart(gateway)
  }

  /** Ends a gateway by SIGTERM. */
  async stop(gateway: GatewayName): Promise<void> {
    await this.#world.lab.endPart(gateway)
  }

  /** Starts a gateway that was ended, and waits until it may be used. */
  async start(gateway: GatewayName): Promise<void> {
    await this.#world.lab.startGateway(gateway)
    await gatewaysConnected(this.#world)
    // Its machine is set up meanwhile, and it rehearses a connection: it is no gateway yet that has run for a while.
    await pause(START_MS)
  }

  /** Drops all packets from and to the network outside at a gateway's machine: nobody is told. */
  async cut(gateway: GatewayName): Promise<void> {
    const hook = (name: string, device: string) =>
      `add chain inet cut ${name} { type filter hook ${name} priority -300; }; add rule inet cut ${name} ${device} outside drop; `
    const rules = `add table inet cut; ${hook('input', 'iif')}${hook('output', 'oif')}`
    await this.#world.lab.machines[gateway].mustRun('nft', [rules])
  }

  /** Ends a cut, and waits until the gateway may be used. */
  async join(gateway: GatewayName): Promise<void> {
    await this.#world.lab.machines[gateway].mustRun('nft', ['delete table inet cut'])
    await gatewaysConnected(this.#world)
    // Its connection to the portal is made anew, or goes on after TCP's next repetition.
    await pause(START_MS)
  }

  /** Kills the portal and starts it again. */
  async restartPortal(): Promise<void> {
    const { lab } = this.#world
    await lab.killPart('portal')
    await lab.startPortal()
    await gatewaysConnected(this.#world)
    await clientConnected(this.#world)
  }

  async close(): Promise<void> {
    this.#stream.end()
    await this.#world.lab.close()
  }

  async #next(): Promise<StreamFigures> {
    this.#stream.tell({})
    return JSON.parse(await this.#stream.next()) as StreamFigures
  }

  /** Waits until pages come again. */
  async #answered(): Promise<void> {
    const isAnswered = async () => ((await this.#world.fetch(`http://${MACHINES.web.site}/`)).ok ? true : undefined)
    await eventually(isAnswered, { what: 'a page', timeoutMs: WATCH_MS })
  }

  #gatewayAt(address: string): GatewayName {
    const found = GATEWAYS.find((name) => MACHINES[name].site === address)
    if (found === undefined) throw new Error(`the server was asked from ${address}, which is no gateway's`)
    return found
  }
}
