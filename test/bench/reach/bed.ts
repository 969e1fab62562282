import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { eventually } from '../../../hosts/lab/eventually.ts'
import { Lab } from '../../../hosts/lab/lab.ts'
import type { Routers } from '../../../hosts/lab/network.ts'
import { setUdpDrop } from '../../../hosts/lab/nat-router.ts'
import type { Part } from '../../../hosts/lab/part.ts'
import { portreeve } from '../../../hosts/lab/program.ts'
import { allow, clientConnected, gatewaysConnected, PORTAL_RUNS } from '../../../hosts/lab/setting-up.ts'
import { slowDown } from '../../../hosts/lab/slow-cable.ts'
import { walk } from '../../../hosts/lab/step.ts'
import { MACHINES, PORTAL_URL, type MachineName } from '../../../hosts/lab/topology.ts'
import { caFile, clientRouter, serveNames, webSocketSettings } from '../../../hosts/lab/websocket-relay.ts'
import { World } from '../../../hosts/lab/world.ts'
import { runIperf } from '../iperf.ts'
import { LineChild } from './line-child.ts'

/** UDP port of the servers that return what they get. */
const PORT = 7
const IPERF_PORT = 5201
const GATEWAY = 'gateway-1'
/** Servers behind the gateway, by what they are to the client: in one resource, and in a further one. */
const SERVERS = { first: 'files', further: 'web' } as const
/** Machines on which relays run. */
const RELAYS = ['provider', 'upstream'] as const
/** Time that peers have for the work of their start before something is measured. */
const SETTLE_MS = 1_200
/** Interval of the datagrams whose longest silence is measured. */
const EVERY_MS = 10
/** Time for which answers have to come again before a measurement ends. */
const STEADY_MS = 1_000

export interface BedOptions {
  routers?: Routers
  /** Time in milliseconds from any machine outside to any other, one way; 0 by default. */
  tripMs?: number
  /** Number of relays. */
  relays?: 0 | 1 | 2
  /**
   * Whether the first relay is reached by a WebSocket too. The client has to be behind a router, which is its name
   * server then and may drop UDP.
   */
  hasWebSocket?: boolean
}

/** Portal, client, gateway and relays on machines of their own, with servers behind the gateway that return datagrams. */
export class Bed {
  readonly world: World
  readonly #options: BedOptions
  readonly #parts: Part[] = []
  readonly #relays = new Map<string, Part>()
  #asker: LineChild | undefined
  #iperf: Promise<string> | undefined
  #isKnown = false

  private constructor(world: World, options: BedOptions) {
    this.world = world
    this.#options = options
  }

  /** Builds the network and starts portal, relays and servers, without peers. */
  static async open(options: BedOptions = {}): Promise<Bed> {
    const { routers, relays = 0 } = options
    // The portal's own relay would be one more to choose.
    const lab = await Lab.open({ hasProvider: false, routers, portal: relays > 0 ? { relay: false } : {} })
    const bed = new Bed(new World(lab), options)
    try {
      await bed.#setUp()
      return bed
    } catch (error) {
      await bed.close()
      throw error
    }
  }

  /** Starts gateway and client anew and waits until both are connected to the portal, and idle. */
  async startPeers(): Promise<void> {
    const { world } = this
    const [gatewayToken, clientToken] = this.#isKnown ? [] : await this.#tokens()
    this.#isKnown = true
    const settings = this.#options.hasWebSocket === true ? caFile(world.lab) : {}
    await world.lab.startGateway(GATEWAY, gatewayToken, settings)
    await gatewaysConnected(world, [GATEWAY])
    await world.lab.startClient(clientToken, settings)
    await clientConnected(world)
    await pause(SETTLE_MS)
  }

  /** Ends client and gateway. */
  async stopPeers(): Promise<void> {
    await this.world.lab.endPart('client')
    await this.world.lab.endPart(GATEWAY)
  }

  /** Withdraws every grant and waits until the client has no tunnel. */
  async withdrawAll(): Promise<void> {
    const { api } = this.world
    for (const { id } of await api.list('authorizations')) await api.remove(`authorizations/${id}`)
    const isGone = async () => ((await this.world.clientStatus()).gateways.length === 0 ? true : undefined)
    await eventually(isGone, { what: 'the client has no tunnel', timeoutMs: 20_000 })
  }

  /** Sends a first datagram to a server and returns the milliseconds until the first byte of its answer. */
  async firstAnswer(server: keyof typeof SERVERS): Promise<number> {
    const asker = (this.#asker ??= await this.#startAsker())
    asker.tell({ address: MACHINES[SERVERS[server]].site, port: PORT })
    const outcome = JSON.parse(await asker.next()) as { ms?: number; error?: string }
    if (outcome.ms === undefined) throw new Error(outcome.error)
    return outcome.ms
  }

  /** Returns the path to the gateway, and the relay that it uses; throws unless the path is of one of these kinds. */
  async pathIs(...kinds: string[]): Promise<{ kind: string; relay: string | null }> {
    const [gateway] = (await this.world.clientStatus()).gateways
    const { path_kind: kind = null, relay = null } = gateway ?? {}
    if (kind !== null && kinds.includes(kind)) return { kind, relay }
    throw new Error(`the path is ${kind ?? 'none'}, not ${kinds.join(' or ')}`)
  }

  /** Waits until the path to the gateway is of one of these kinds; returns the kind. */
  async pathBecomes(...kinds: string[]): Promise<string> {
    const question = () => this.pathIs(...kinds)
    return (await eventually(question, { what: 'the path to the gateway', timeoutMs: 40_000 })).kind
  }

  /** Has the client's router drop all UDP, or let it through again. */
  async dropUdp(drops: boolean): Promise<void> {
    await setUdpDrop(clientRouter(this.world.lab), drops)
  }

  /** Sends by TCP through the tunnel to a server behind the gateway; returns the bits that arrive in a second. */
  async throughput(seconds: number): Promise<number> {
    await (this.#iperf ??= this.#startIperf())
    const { client } = this.world.lab.machines
    const end = await runIperf(client, { address: MACHINES[SERVERS.first].site, port: IPERF_PORT, seconds })
    const bits = end.sum_received?.bits_per_second ?? 0
    if (bits === 0) throw new Error('nothing came through the tunnel')
    return bits
  }

  /** Makes a change while datagrams go on, and returns the longest time in milliseconds without an answer. */
  async silence(change: () => Promise<void>): Promise<number> {
    const steady = new LineChild(this.world.lab.machines.client, 'steady-echo')
    try {
      steady.tell({ address: MACHINES[SERVERS.first].site, port: PORT, everyMs: EVERY_MS })
      await steady.next()
      await pause(STEADY_MS)
      steady.tell({})
      await steady.next()
      await change()
      // Until it is over, however long that takes: a measurement that ends in silence says as much.
      await pause(5 * STEADY_MS)
      steady.tell({})
      const { gapMs } = JSON.parse(await steady.next()) as { gapMs: number }
      return gapMs
    } finally {
      steady.end()
    }
  }

  /** Takes the client's address away and gives it another one in its network. */
  async roam(from: string, to: string): Promise<void> {
    const { client } = this.world.lab.machines
    await client.ip(['address', 'del', `${from}/24`, 'dev', 'outside'])
    await client.address('outside', `${to}/24`)
  }

  /** Ends the relay at an endpoint as a power cut would. */
  killRelay(endpoint: string): void {
    const relay = this.#relays.get(endpoint.split(':')[0] ?? '')
    if (relay === undefined) throw new Error(`no relay is at ${endpoint}`)
    relay.kill('SIGKILL')
  }

  /** Time in milliseconds that a ping from the client's machine to the portal's takes. */
  async ping(): Promise<number> {
    const { client } = this.world.lab.machines
    const { stdout } = await client.mustRun('ping', ['-c10', '-i0.05', '-q', MACHINES.portal.outside])
    return Number(/= [\d.]+\/([\d.]+)\//.exec(stdout)?.[1])
  }

  async close(): Promise<void> {
    this.#asker?.end()
    for (const part of [...this.#parts, ...this.#relays.values()]) await part.stop({ graceMs: 3_000 })
    await this.world.lab.close()
  }

  async #setUp(): Promise<void> {
    const { world } = this
    const { lab } = world
    const { tripMs = 0, routers = {}, relays = 0 } = this.#options
    if (tripMs > 0) {
      const machines: MachineName[] = ['portal', 'client', GATEWAY, ...RELAYS.slice(0, relays)]
      for (const machine of machines) {
        const address = routers[machine]?.outside ?? MACHINES[machine].outside ?? ''
        this.#parts.push(await slowDown(lab.run, { machine, address, cable: { delayMs: tripMs / 2 } }))
      }
    }
    const reports = await walk(PORTAL_RUNS, world, { interrupted: lab.crashed, onReport: () => undefined })
    const failed = reports.find(({ ok }) => !ok)
    if (failed !== undefined) throw new Error(`${failed.name}: ${failed.detail}`)
    const resource = { type: 'cidr', site_id: world.id('site'), name: 'Web', filters: [] }
    await world.make('web', 'resources', { ...resource, address: `${MACHINES.web.site}/32` })
    await allow(world, 'web')
    for (const machine of Object.values(SERVERS)) await this.#echo(machine)
    for (const machine of RELAYS.slice(0, relays)) await this.#relay(machine)
    const { client } = routers
    if (this.#options.hasWebSocket === true) await serveNames(lab, (client?.inside ?? '').replace(/\d+$/, '1'))
  }

  async #tokens(): Promise<[string, string]> {
    const { world } = this
    const gateway = await world.api.create(`sites/${world.id('site')}/gateway_tokens`, { name: GATEWAY })
    await world.make('build', 'actors', { name: 'Build', type: 'service_account' })
    await world.api.put(`groups/${world.id('engineers')}/memberships`, { actor_ids: [world.id('build')] })
    const client = await world.api.create(`actors/${world.id('build')}/client_tokens`, { name: 'laptop' })
    return [String(gateway['token']), String(client['token'])]
  }

  async #startAsker(): Promise<LineChild> {
    const asker = new LineChild(this.world.lab.machines.client, 'first-answer')
    await asker.next()
    return asker
  }

  async #echo(machine: 'files' | 'web'): Promise<void> {
    const program = fileURLToPath(new URL('../child/udp-echo.js', import.meta.url))
    const args = [program, String(PORT), MACHINES[machine].site]
    const part = this.world.lab.machines[machine].spawn(process.execPath, args, { name: `echo of ${machine}` })
    this.#parts.push(part)
    await part.line((line) => line === 'ready')
  }

  async #startIperf(): Promise<string> {
    const args = ['-s', '-p', String(IPERF_PORT), '--forceflush']
    const part = this.world.lab.machines[SERVERS.first].spawn('iperf3', args, { name: 'iperf3' })
    this.#parts.push(part)
    return part.line((line) => line.includes('listening'))
  }

  async #relay(machine: (typeof RELAYS)[number]): Promise<void> {
    const { api, lab } = this.world
    const { token } = await api.create('relay_tokens', { name: machine })
    const { outside } = MACHINES[machine]
    const config = await lab.run.write(
      `relay-${machine}.yaml`,
      stringify({
        portal_url: PORTAL_URL,
        name: machine,
        token_file: await lab.run.write(`relay-${machine}.token`, String(token)),
        addresses: [outside],
        listen: [outside],
        // The lab's outside network is one of documentation.
        permitted_peers: ['203.0.113.0/24'],
        ...(this.#options.hasWebSocket === true && machine === RELAYS[0] ? await webSocketSettings(lab) : {}),
        state_folder: join(lab.run.path, `relay-${machine}`),
      }),
    )
    const part = lab.machines[machine].spawn(process.execPath, portreeve('relay', '--config', config), {
      name: `relay on ${machine}`,
      log: join(lab.run.path, `relay-${machine}.log`),
    })
    this.#relays.set(outside, part)
  }
}
