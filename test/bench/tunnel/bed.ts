import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import type { ClientStatus } from '../../../hosts/client/session/client-status.ts'
import { eventually } from '../../../hosts/lab/eventually.ts'
import { Namespace } from '../../../hosts/lab/namespace.ts'
import type { Part } from '../../../hosts/lab/part.ts'
import { PortalApi } from '../../../hosts/lab/portal-api.ts'
import { portreeve } from '../../../hosts/lab/program.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'
import type { Reference } from './reference.ts'

const CLIENT = '192.0.2.1'
const GATEWAY = '192.0.2.2'
const NAME = 'iperf.example.org'
/** Servers behind the gateway: one has a name, the other is in a CIDR resource. */
const NAMED_SERVER = '198.51.100.10'
const CIDR_SERVER = '198.51.100.20'
export const IPERF_PORT = 5_201
const WG = { client: '10.97.0.1', gateway: '10.97.0.2', port: 51_820 }

/** One of the two compared products, running. */
export interface Side {
  /** Addresses that the client's machine sends to: a name's mapped address, and a server's own address. */
  named: string
  direct: string
  /** Processes at both ends of the tunnel. */
  pids: number[]
}

/** Two machines with a cable, and both products' tunnels between them, idle until something sends. */
export class Bed {
  readonly client: Namespace
  readonly gateway: Namespace
  /** Machine of the servers: the gateway's own, or one behind it. */
  readonly server: Namespace
  readonly #run: RunDirectory
  readonly #parts: Part[] = []

  private constructor(run: RunDirectory, machines: { client: Namespace; gateway: Namespace; server: Namespace }) {
    this.#run = run
    this.client = machines.client
    this.gateway = machines.gateway
    this.server = machines.server
  }

  /**
   * Opens a bed; with `serverBehind` the server is behind the gateway, on a cable without offloads, and sees every
   * checksum as it is.
   */
  static async open({ serverBehind = false } = {}): Promise<Bed> {
    const run = await RunDirectory.open()
    try {
      const client = await Namespace.create(run, 'client')
      const gateway = await Namespace.create(run, 'gateway')
      const server = serverBehind ? await Namespace.create(run, 'server') : gateway
      const bed = new Bed(run, { client, gateway, server })
      await bed.client.veth({ device: 'eth0', to: bed.gateway, toDevice: 'eth0' })
      await bed.client.address('eth0', `${CLIENT}/24`)
      await bed.gateway.address('eth0', `${GATEWAY}/24`)
      await bed.server.address('lo', `${NAMED_SERVER}/32`)
      await bed.server.address('lo', `${CIDR_SERVER}/32`)
      if (serverBehind) await bed.#joinServer()
      await bed.gateway.address('lo', '198.51.100.53/32')
      await bed.gateway.resolvConf('nameserver 198.51.100.53\n')
      const dnsArguments = ['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--pid-file=']
      dnsArguments.push('--user=root', '--bind-interfaces', '--listen-address=198.51.100.53', '--log-facility=-')
      const dns = bed.#spawn(bed.gateway, 'dnsmasq', [...dnsArguments, `--host-record=${NAME},${NAMED_SERVER}`])
      await dns.line((line) => line.includes('started'))
      return bed
    } catch (error) {
      await run.close()
      throw error
    }
  }

  /** Starts portal, gateway and client with their defaults: policy, filters and NAT on. */
  async startPortreeve(lanes: { client?: string; gateway?: string } = {}): Promise<Side & { status: ClientStatus }> {
    const url = `http://${GATEWAY}:8080`
    const portal = { listen: { host: GATEWAY, port: 8080 }, public_url: url, state_folder: this.#path('portal') }
    const portalConfig = await this.#config('portal.yaml', portal)
    const init = [
      'portal',
      'init',
      '--config',
      portalConfig,
      '--account',
      'bench',
      '--admin-email',
      'a@example.org',
      '--json',
    ]
    const { stdout } = await this.gateway.mustRun(process.execPath, portreeve(...init))
    const { token } = JSON.parse(stdout) as { token: string }
    await this.#node(this.gateway, portreeve('portal', '--config', portalConfig)).line((line) =>
      line.startsWith('portal: listening'),
    )
    const api = new PortalApi({ machine: this.gateway, url, token })
    const tokens = await describeAccount(api)

    const gateway = await this.#startHost(
      this.gateway,
      'gateway',
      { url, token: tokens.gateway, lane: lanes.gateway },
      [],
      // If no server is behind the gateway, the name's address is one of the gateway's own.
      { own_addresses: 'allow' },
    )
    await eventually(
      async () => ((await api.list('gateways')).some((row) => row['is_connected'] === true) ? true : undefined),
      {
        what: 'the gateway is connected',
        timeoutMs: 60_000,
      },
    )
    const socket = this.#path('client.sock')
    const client = await this.#startHost(
      this.client,
      'client',
      { url, token: tokens.client, lane: lanes.client },
      ['up'],
      { socket },
    )
    const ask = portreeve('client', 'status', '--json')
    const status = await eventually(
      async () => {
        const { stdout: text } = await this.client.run(process.execPath, ask, { env: { PORTREEVE_SOCKET: socket } })
        const told = text.trim().startsWith('{') ? (JSON.parse(text) as ClientStatus) : undefined
        return told?.state === 'connected' ? told : undefined
      },
      { what: 'the client is connected', timeoutMs: 60_000 },
    )
    const named = await eventually(
      async () => {
        const { stdout: text } = await this.client.run('getent', ['ahostsv4', NAME])
        return /^100\.\S+/.exec(text)?.[0]
      },
      { what: 'the name has a mapped address', timeoutMs: 60_000 },
    )
    const side = { named, direct: CIDR_SERVER, pids: [client.pid, gateway.pid], status }
    await this.#reach(side)
    return side
  }

  /** Starts wireguard-go at both ends with its defaults. */
  async startReference({ path }: Reference, mtu: number): Promise<Side> {
    const [clientKey, gatewayKey] = [await this.#key(), await this.#key()]
    const ends = [
      { machine: this.client, device: 'wg-c', own: clientKey, peer: gatewayKey, address: WG.client, other: WG.gateway },
      {
        machine: this.gateway,
        device: 'wg-g',
        own: gatewayKey,
        peer: clientKey,
        address: WG.gateway,
        other: WG.client,
      },
    ]
    const pids: number[] = []
    for (const { machine, device, own, peer, address, other } of ends) {
      const name = `${device}${process.pid}`
      const env = { LOG_LEVEL: 'verbose', WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD: '1' }
      const part = machine.spawn(path, ['-f', name], { name: 'wireguard-go', env })
      this.#parts.push(part)
      await part.line((line) => line.includes('UAPI listener started'))
      const at = machine === this.client ? GATEWAY : CLIENT
      const settings = ['private-key', own.file, 'listen-port', String(WG.port), 'peer', peer.publicKey]
      const peerSettings = ['endpoint', `${at}:${WG.port}`, 'allowed-ips', `${other}/32`]
      await machine.mustRun('wg', ['set', name, ...settings, ...peerSettings])
      await machine.address(name, `${address}/24`)
      await machine.ip(['link', 'set', name, 'mtu', String(mtu), 'up'])
      pids.push(part.pid)
    }
    await this.#serve(WG.gateway)
    const side = { named: WG.gateway, direct: WG.gateway, pids }
    await this.#reach(side)
    return side
  }

  /** Last lines of output of every part, for a message. */
  lastWords(): string {
    return this.#parts.map(({ name, output }) => `--- ${name}\n${output.split('\n').slice(-8).join('\n')}`).join('\n')
  }

  /** Number of TCP checksums that a kernel at either end has found wrong so far. */
  async checksumErrors(): Promise<number> {
    let sum = 0
    for (const machine of [this.client, this.server]) {
      const { stdout } = await machine.mustRun('nstat', ['-az', 'TcpInCsumErrors'])
      sum += Number(/TcpInCsumErrors\s+(\d+)/.exec(stdout)?.[1])
    }
    return sum
  }

  async close(): Promise<void> {
    for (const part of this.#parts.toReversed()) await part.stop({ graceMs: 3_000 })
    await this.#run.close()
  }

  async #joinServer(): Promise<void> {
    const [here, there] = ['203.0.113.1', '203.0.113.2']
    await this.gateway.veth({ device: 'eth1', to: this.server, toDevice: 'eth0' })
    await this.gateway.address('eth1', `${here}/24`)
    await this.server.address('eth0', `${there}/24`)
    for (const address of [NAMED_SERVER, CIDR_SERVER]) await this.gateway.route({ to: `${address}/32`, via: there })
    const off = ['tx', 'off', 'rx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off']
    await this.gateway.mustRun('ethtool', ['-K', 'eth1', ...off])
    await this.server.mustRun('ethtool', ['-K', 'eth0', ...off])
  }

  /** Starts iperf3 at the addresses of both resources. */
  async serve(): Promise<void> {
    await this.#serve(NAMED_SERVER)
    await this.#serve(CIDR_SERVER)
  }

  /** Starts one iperf3 for one address: a server on all addresses may answer UDP from another address. */
  async #serve(address: string): Promise<void> {
    const machine = address === WG.gateway ? this.gateway : this.server
    const part = this.#spawn(machine, 'iperf3', ['-s', '-B', address, '-p', String(IPERF_PORT), '--forceflush'])
    await part.line((line) => line.includes('listening'))
  }

  async #startHost(
    machine: Namespace,
    role: 'client' | 'gateway',
    { url, token, lane }: { url: string; token: string; lane: string | undefined },
    command: readonly string[],
    settings: object = {},
  ): Promise<Part> {
    const token_file = await this.#run.write(`${role}.token`, token)
    const common = { portal_url: url, name: role, token_file, state_folder: this.#path(role) }
    const config = await this.#config(`${role}.yaml`, { ...common, ...settings })
    const env = lane === undefined ? {} : { PORTREEVE_LANE: lane }
    return this.#spawn(machine, process.execPath, portreeve(role, ...command, '--config', config), env)
  }

  /** Waits until both addresses answer: grants, names and handshakes are made by then. */
  async #reach({ named, direct }: Side): Promise<void> {
    for (const address of [named, direct]) {
      await eventually(
        async () => ((await this.client.run('ping', ['-c1', '-W1', address])).code === 0 ? true : undefined),
        { what: `${address} answers`, timeoutMs: 60_000 },
      )
    }
  }

  async #key(): Promise<{ file: string; publicKey: string }> {
    const { stdout } = await this.client.mustRun('wg', ['genkey'])
    const file = await this.#run.write(`wg-${this.#parts.length}-${Math.round(performance.now())}.key`, stdout)
    const { stdout: publicKey } = await this.client.mustRun('wg', ['pubkey'], { input: stdout })
    return { file, publicKey: publicKey.trim() }
  }

  #node(machine: Namespace, args: readonly string[]): Part {
    return this.#spawn(machine, process.execPath, args)
  }

  #spawn(machine: Namespace, command: string, args: readonly string[], env = {}): Part {
    const part = machine.spawn(command, args, { name: `${command} ${args.slice(1, 3).join(' ')}`, env })
    this.#parts.push(part)
    return part
  }

  #path(name: string): string {
    return join(this.#run.path, name)
  }

  async #config(original: string, settings: object): Promise<string> {
    const text = await readFile(join(packageRoot(), 'config', original), 'utf8')
    return this.#run.write(original, stringify({ ...(parse(text) as object), ...settings }))
  }
}

const describeAccount = async (api: PortalApi): Promise<{ client: string; gateway: string }> => {
  const site = await api.create('sites', { name: 'bench' })
  const ports = [String(IPERF_PORT)]
  const filters = [{ protocol: 'tcp', ports }, { protocol: 'udp', ports }, { protocol: 'icmp' }]
  const common = { site_id: site.id, filters }
  const resources = [
    await api.create('resources', { ...common, type: 'dns', name: 'named', address: NAME }),
    await api.create('resources', { ...common, type: 'cidr', name: 'direct', address: `${CIDR_SERVER}/32` }),
  ]
  const actor = await api.create('actors', { name: 'bench', type: 'service_account' })
  const group = await api.create('groups', { name: 'bench' })
  await api.put(`groups/${group.id}/memberships`, { actor_ids: [actor.id] })
  for (const resource of resources) {
    await api.create('policies', { group_id: group.id, resource_id: resource.id, conditions: [] })
  }
  const gateway = await api.create(`sites/${site.id}/gateway_tokens`, {})
  const client = await api.create(`actors/${actor.id}/client_tokens`, {})
  return { client: String(client['token']), gateway: String(gateway['token']) }
}
