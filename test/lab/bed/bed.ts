// The whole product on the real kernel, started once for a file of tests: a portal, gateways, clients and servers, each
// in a namespace of its own, driven by the portal's API and by ordinary tools.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import type { ClientStatus } from '../../../hosts/client/session/client-status.ts'
import { askClient } from '../../../hosts/client/session/control-socket.ts'
import { askGatewayStatus } from '../../../hosts/gateway/control-socket.ts'
import { eventually } from '../../../hosts/lab/eventually.ts'
import type { Namespace } from '../../../hosts/lab/namespace.ts'
import { fetchPage, type PageRequest } from '../../../hosts/lab/page.ts'
import type { Part } from '../../../hosts/lab/part.ts'
import { PortalApi, type ApiObject } from '../../../hosts/lab/portal-api.ts'
import { portreeve } from '../../../hosts/lab/program.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'
import { BedNetwork } from './network.ts'
import type { Seen } from './site-server.ts'
import {
  ADMIN_PORT,
  CLIENT_HOST,
  ECHO_PORT,
  FAR_HOST,
  GATEWAY_HOST,
  ipv4Of,
  ipv6Of,
  NEIGHBOUR_HOST,
  OUTSIDE_NAMES,
  PORTAL_HOST,
  PORTAL_PORT,
  PUBLIC_HOST,
  SITE_NAMES,
  TARGET_HOST,
  WEB_PORT,
  type Families,
  type Joint,
} from './topology.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

export interface Filter {
  protocol: 'tcp' | 'udp' | 'icmp'
  ports?: readonly string[]
}

export class Bed {
  readonly run: RunDirectory
  readonly network: BedNetwork
  readonly machines = new Map<string, Namespace>()
  readonly #parts = new Map<string, Part>()
  readonly #ids = new Map<string, string>()
  #api: PortalApi | undefined

  private constructor(run: RunDirectory, network: BedNetwork) {
    this.run = run
    this.network = network
  }

  /**
   * Opens a bed with networks, servers, and a portal with an account, a site and a group; without gateways and clients.
   */
  static async open(): Promise<Bed> {
    const run = await RunDirectory.open()
    try {
      const bed = new Bed(run, await BedNetwork.build(run))
      await Promise.all([
        bed.join('portal', [{ network: 'outside', host: PORTAL_HOST }]),
        bed.join('public', [{ network: 'outside', host: PUBLIC_HOST }]),
        bed.join('neighbour', [{ network: 'lan', host: NEIGHBOUR_HOST }]),
        bed.join('target', [{ network: 'site', host: TARGET_HOST }]),
        bed.join('far', [{ network: 'far', host: FAR_HOST }]),
      ])
      await Promise.all([
        bed.serve('target'),
        bed.serve('public'),
        bed.serve('neighbour'),
        bed.serve('far'),
        bed.#answerNames('portal', OUTSIDE_NAMES),
        bed.#answerNames('target', SITE_NAMES),
        bed.#startPortal(),
      ])
      return bed
    } catch (error) {
      await run.close()
      throw error
    }
  }

  get api(): PortalApi {
    if (this.#api === undefined) throw new Error('the portal does not run')
    return this.#api
  }

  machine(name: string): Namespace {
    const machine = this.machines.get(name)
    if (machine === undefined) throw new Error(`there is no machine ${name}`)
    return machine
  }

  part(name: string): Part {
    const part = this.#parts.get(name)
    if (part === undefined) throw new Error(`${name} does not run`)
    return part
  }

  id(name: string): string {
    const id = this.#ids.get(name)
    if (id === undefined) throw new Error(`nothing was made as ${name}`)
    return id
  }

  /** Makes an object by the portal's API and remembers it under a name. */
  async make(name: string, collection: string, body: object): Promise<ApiObject> {
    const made = await this.api.create(collection, body)
    this.#ids.set(name, made.id)
    return made
  }

  /** Makes a resource that every member of the group may reach. */
  async resource(name: string, address: string, filters: readonly Filter[] = [], site = 'site'): Promise<string> {
    const type = /[/:]|^[\d.]+$/.test(address) ? 'cidr' : 'dns'
    await this.make(name, 'resources', { name, type, address, site_id: this.id(site), filters })
    await this.allow(name)
    return this.id(name)
  }

  async allow(name: string): Promise<void> {
    await this.make(`policy for ${name}`, 'policies', { group_id: this.id('group'), resource_id: this.id(name) })
  }

  /** Adds a machine to networks. A machine of one family is told the name server's address of that family. */
  async join(name: string, joints: readonly Joint[]): Promise<Namespace> {
    const atSite = joints.some(({ network }) => network === 'site' || network === 'far')
    const families = joints[0]?.families ?? 'dual'
    const [network, host] = atSite ? (['site', TARGET_HOST] as const) : (['outside', PORTAL_HOST] as const)
    const servers = [families === 'ipv6' ? ipv6Of(network, host) : ipv4Of(network, host)]
    const machine = await this.network.join(name, joints, servers)
    this.machines.set(name, machine)
    return machine
  }

  async startGateway(
    name: string,
    {
      host = GATEWAY_HOST,
      families = 'dual',
      site = 'site',
      settings = {},
    }: { host?: number; families?: Families; site?: string; settings?: object } = {},
  ): Promise<void> {
    const known = this.machines.get(name)
    const machine =
      known ??
      (await this.join(name, [
        { network: 'outside', host, families },
        { network: 'site', host, families },
      ]))
    if (known === undefined) {
      await machine.resolvConf(`nameserver ${(families === 'ipv6' ? ipv6Of : ipv4Of)('site', TARGET_HOST)}\n`)
      if (families !== 'ipv6') await machine.route({ to: '10.30.0.0/24', via: ipv4Of('site', 1) })
      if (families !== 'ipv4') await machine.route({ to: '2001:db8:30::/64', via: ipv6Of('site', 1) })
    }
    const { token } = await this.api.create(`sites/${this.id(site)}/gateway_tokens`, { name })
    await this.#config('gateway.yaml', name, {
      portal_url: this.#portalUrl(families),
      name,
      token_file: await this.run.write(`${name}.token`, String(token)),
      state_folder: join(this.run.path, name),
      log_level: 'debug',
      ...settings,
    })
    const part = this.#spawn(name, machine, portreeve('gateway', '--config', join(this.run.path, `${name}.yaml`)))
    await unlessEnded(
      part,
      eventually(
        async () =>
          (await this.api.list('gateways')).find((row) => row['name'] === name && row['is_connected'] === true),
        { what: `${name} is connected`, timeoutMs: PATIENCE_MS },
      ),
    )
  }

  /** Makes a token of the group's person, for another client. */
  async clientToken(name: string): Promise<string> {
    const { token } = await this.api.create(`actors/${this.id('person')}/client_tokens`, { name })
    return String(token)
  }

  async startClient(
    name: string,
    {
      host = CLIENT_HOST,
      families = 'dual',
      portal_url = this.#portalUrl(families),
      settings = {},
    }: { host?: number; families?: Families; portal_url?: string; settings?: object } = {},
  ): Promise<void> {
    const machine = this.machines.get(name) ?? (await this.join(name, [{ network: 'lan', host, families }]))
    await this.#config('client.yaml', name, {
      portal_url,
      account: undefined,
      name,
      token_file: await this.run.write(`${name}.token`, await this.clientToken(name)),
      state_folder: join(this.run.path, name),
      socket: this.#socket(name),
      dns: 'resolv-conf',
      log_level: 'debug',
      ...settings,
    })
    const part = this.#spawn(name, machine, portreeve('client', 'up', '--config', join(this.run.path, `${name}.yaml`)))
    await unlessEnded(
      part,
      eventually(
        async () => {
          if ((await this.status(name)).state !== 'connected') return undefined
          const { stdout } = await machine.run('cat', ['/etc/resolv.conf'])
          return /100[.:]100[.:]111/.test(stdout) ? true : undefined
        },
        { what: `${name} is connected`, timeoutMs: PATIENCE_MS },
      ),
    )
  }

  /** Starts the portal again on the same database. */
  async restartPortal(): Promise<void> {
    const args = portreeve('portal', '--config', join(this.run.path, 'portal.yaml'))
    const part = this.#spawn('portal', this.machine('portal'), args)
    await part.line((line) => line.startsWith('portal: listening'))
  }

  portalUrlFor(families: Families): string {
    return this.#portalUrl(families)
  }

  async stopPart(name: string): Promise<void> {
    await this.part(name).stop()
    this.#parts.delete(name)
  }

  async status(name = 'client'): Promise<ClientStatus> {
    return (await askClient(this.#socket(name), 'status')) as ClientStatus
  }

  /**
   * Number of packets that a gateway has dropped for a reason (`wrong-key`), summed over all its parts. The lane
   * reports its share once a second.
   */
  async dropped(reason: string, gateway = 'gateway'): Promise<number> {
    const { dropped } = await askGatewayStatus(join(this.run.path, gateway, 'gateway.sock'))
    return Object.values(dropped)
      .flatMap((counts) => Object.entries(counts))
      .filter(([name]) => name === reason)
      .reduce((sum, [, count]) => sum + count, 0)
  }

  /** Waits until a client knows a resource. */
  async knows(resource: string, name = 'client'): Promise<void> {
    await eventually(async () => (await this.status(name)).resources.find(({ id }) => id === this.id(resource)), {
      what: `${name} knows ${resource}`,
      timeoutMs: PATIENCE_MS,
    })
  }

  /** Fetches a page by curl on a client's machine and returns the server's account of the request. */
  async page(url: string, request: PageRequest & { client?: string } = {}): Promise<Seen> {
    const { client = 'client', ...rest } = request
    const answer = await fetchPage(this.machine(client), url, { timeoutMs: PATIENCE_MS, ...rest })
    if (!answer.ok) throw new Error(`${url}: ${answer.reason} (after ${answer.ms} ms)`)
    return JSON.parse(answer.body) as Seen
  }

  /** Resolves a name on a client's machine by dig; returns the answer's data, one item a record. */
  async resolve(name: string, type: 'A' | 'AAAA' = 'A', client = 'client'): Promise<string[]> {
    const { stdout } = await this.machine(client).run('dig', ['+short', '+tries=1', '+time=20', name, type])
    return stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';'))
  }

  /** Number of the portal's decisions about a resource so far. */
  async decisions(resource: string): Promise<number> {
    const id = this.id(resource)
    const records = await this.api.list('audit_log?limit=100')
    return records.filter((record) => record['kind'] === 'decision' && JSON.stringify(record).includes(id)).length
  }

  /** Last lines of output of every part, for the message of a failed test. */
  lastWords(): string {
    return [...this.#parts]
      .map(([name, part]) => `--- ${name}\n${part.output.split('\n').slice(-12).join('\n')}`)
      .join('\n')
  }

  async close(): Promise<void> {
    const order = [...this.#parts.keys()].toSorted(
      (a, b) => Number(b.startsWith('client')) - Number(a.startsWith('client')),
    )
    for (const name of order) {
      if (/^(client|gateway|portal$)/.test(name)) await this.#parts.get(name)?.stop()
    }
    await this.run.close()
  }

  /** Replaces the records of a name server of the bed. */
  async changeNames(name: 'portal' | 'target', names: Readonly<Record<string, readonly string[]>>): Promise<void> {
    await this.stopPart(`${name}-names`)
    await this.#answerNames(name, names)
  }

  /** Starts a server of the bed on a machine. */
  async serve(name: string): Promise<void> {
    const input = JSON.stringify({ name, tcpPorts: [WEB_PORT, ADMIN_PORT], udpPorts: [ECHO_PORT] })
    const program = fileURLToPath(new URL('site-server.js', import.meta.url))
    await this.#spawn(`${name}-server`, this.machine(name), [program], input).line((line) => line === 'ready')
  }

  #spawn(name: string, machine: Namespace, args: readonly string[], input?: string): Part {
    const log = join(this.run.path, `${name}.log`)
    const part = machine.spawn(process.execPath, args, { name, log, ...(input === undefined ? {} : { input }) })
    this.#parts.set(name, part)
    return part
  }

  async #answerNames(name: string, names: Readonly<Record<string, readonly string[]>>): Promise<void> {
    const args = [
      '--keep-in-foreground',
      '--log-facility=-',
      '--no-resolv',
      '--no-hosts',
      '--conf-file=/dev/null',
      '--pid-file=',
      '--user=root',
      '--local=/example.org/',
      ...Object.entries(names).map(([host, addresses]) => `--host-record=${host},${addresses.join(',')}`),
    ]
    const part = this.machine(name).spawn('dnsmasq', args, { name: `${name}-names` })
    this.#parts.set(`${name}-names`, part)
    await part.line((line) => line.includes('started'))
  }

  async #startPortal(): Promise<void> {
    const machine = this.machine('portal')
    const config = await this.#config('portal.yaml', 'portal', {
      listen: { host: '::', port: PORTAL_PORT },
      public_url: this.#portalUrl('ipv4'),
      // Tests that cut the direct path want none.
      relay: false,
      state_folder: join(this.run.path, 'portal'),
    })
    const args = ['portal', 'init', '--config', config, '--account', 'example', '--admin-email', 'admin@example.org']
    const { stdout } = await machine.mustRun(process.execPath, portreeve(...args, '--json'))
    await this.restartPortal()
    const { token } = JSON.parse(stdout) as { token: string }
    this.#api = new PortalApi({ machine, url: this.#portalUrl('ipv4'), token })
    await this.make('site', 'sites', { name: 'berlin' })
    await this.make('person', 'actors', { name: 'Ada', type: 'service_account' })
    await this.make('group', 'groups', { name: 'Engineers' })
    await this.api.put(`groups/${this.id('group')}/memberships`, { actor_ids: [this.id('person')] })
  }

  #portalUrl(families: Families): string {
    const host = families === 'ipv6' ? `[${ipv6Of('outside', PORTAL_HOST)}]` : ipv4Of('outside', PORTAL_HOST)
    return `http://${host}:${PORTAL_PORT}`
  }

  #socket(name: string): string {
    return join(this.run.path, `${name}.sock`)
  }

  async #config(original: string, name: string, settings: object): Promise<string> {
    const text = await readFile(join(packageRoot(), 'config', original), 'utf8')
    return this.run.write(`${name}.yaml`, stringify({ ...(parse(text) as object), ...settings }))
  }
}

/** Resolves with `work`; rejects if the process that it depends on ends first. */
const unlessEnded = async <T>(part: Part, work: Promise<T>): Promise<T> =>
  Promise.race([
    work,
    part.ended.then(({ code, signal }) => {
      throw new Error(`${part.name} ended (${String(signal ?? code)}): ${part.output}`)
    }),
  ])
