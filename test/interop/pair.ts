import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { eventually } from '../../hosts/lab/eventually.ts'
import { Lab } from '../../hosts/lab/lab.ts'
import { portreeve } from '../../hosts/lab/program.ts'
import { clientConnected, gatewaysConnected } from '../../hosts/lab/setting-up.ts'
import { GATEWAYS, MACHINES, PORTAL_URL, UPSTREAM_NAMES, WEB_PORT, type GatewayName } from '../../hosts/lab/topology.ts'
import { isMapped, World } from '../../hosts/lab/world.ts'
import type { Program } from './program.ts'

/** First of the resolvers that a released client serves on its device (wire §4). */
const SENTINEL = '100.100.111.1'
/** Environment of released peers beside their identity: they leave the machine’s resolver alone, and call nobody. */
const QUIET = { FIREZONE_NO_TELEMETRY: 'true', FIREZONE_DNS_CONTROL: 'disabled', RUST_LOG: 'info' }

/** Names and networks that the pairs are tried with. */
export const RESOURCES = {
  name: 'gitlab.example.org',
  unknownName: 'jenkins.example.org',
  network: '10.20.0.88/29',
  address: MACHINES.web.site,
  inNetwork: MACHINES.files.site,
} as const

/** User agent and dialect with which a peer came to the portal. */
export interface Spoken {
  dialect: string
  userAgent: string
}

/** A lab in which one client and two gateways, each of one program, use a portal. */
export class Pair {
  readonly world: World
  readonly client: Program
  readonly gateway: Program
  readonly #tokens = new Map<string, string>()

  private constructor(world: World, { client, gateway }: { client: Program; gateway: Program }) {
    this.world = world
    this.client = client
    this.gateway = gateway
  }

  static async open(programs: { client: Program; gateway: Program }): Promise<Pair> {
    return new Pair(new World(await Lab.open({ hasProvider: false })), programs)
  }

  /** Starts servers and portal, with an account that has everything the steps need. */
  async startPortal(): Promise<void> {
    const { world } = this
    await world.lab.startServices()
    const { token } = await world.lab.initPortal('example', 'admin@example.org')
    await world.lab.startPortal()
    world.useApiToken(token)
    const upstream = { type: 'udp', settings: { address: MACHINES.upstream.outside } }
    await world.api.patch('account', { upstream_resolvers: [upstream] })
    await world.make('site', 'sites', { name: 'berlin' })
    const at = { site_id: world.id('site') }
    const web = [{ protocol: 'tcp', ports: [String(WEB_PORT)] }]
    await world.make('name', 'resources', { ...at, name: 'GitLab', type: 'dns', address: RESOURCES.name, filters: web })
    await world.make('unknown name', 'resources', {
      ...at,
      name: 'Jenkins',
      type: 'dns',
      address: RESOURCES.unknownName,
      filters: [],
    })
    await world.make('network', 'resources', {
      ...at,
      name: 'Files',
      type: 'cidr',
      address: RESOURCES.network,
      filters: [],
    })
    await world.make('address', 'resources', {
      ...at,
      name: 'Web server',
      type: 'ip',
      address: RESOURCES.address,
      filters: [...web, { protocol: 'icmp' }],
    })
    await world.make('ada', 'actors', { name: 'Ada', type: 'user', email: 'ada@example.org' })
    await world.make('engineers', 'groups', { name: 'Engineers' })
    await world.api.put(`groups/${world.id('engineers')}/memberships`, { actor_ids: [world.id('ada')] })
    for (const resource of ['name', 'network', 'address']) await this.allow(resource)
  }

  /** Starts a relay, without which released peers do nothing. */
  async startRelay(): Promise<void> {
    const { lab, api } = this.world
    const { token } = await api.create('relay_tokens', { name: 'relay' })
    const config = stringify({
      portal_url: PORTAL_URL,
      name: 'relay',
      token_file: await lab.run.write('relay.token', String(token)),
      state_folder: join(lab.run.path, 'relay'),
      addresses: [MACHINES.provider.outside],
      permitted_peers: ['203.0.113.0/24'],
    })
    await lab.start('provider', portreeve('relay', '--config', await lab.run.write('relay.yaml', config)))
    await eventually(
      async () => {
        const relays = await api.list('relays')
        return relays.some((row) => row['name'] === 'relay') ? true : undefined
      },
      { what: 'the relay is registered', timeoutMs: 20_000 },
    )
  }

  /** Makes a policy for a resource. */
  async allow(resource: string, conditions: readonly object[] = []): Promise<void> {
    const { world } = this
    const ends = { group_id: world.id('engineers'), resource_id: world.id(resource) }
    await world.make(`policy for ${resource}`, 'policies', { ...ends, conditions })
  }

  async startGateways(): Promise<void> {
    for (const name of GATEWAYS) {
      const { token } = await this.world.api.create(`sites/${this.world.id('site')}/gateway_tokens`, { name })
      this.#tokens.set(name, String(token))
      if (this.gateway.product === 'released') await this.#forward(name)
      await this.startGateway(name)
    }
    await gatewaysConnected(this.world)
  }

  /** Starts a gateway, for the first time or again. */
  async startGateway(name: GatewayName): Promise<void> {
    const { lab } = this.world
    const token = this.#tokens.get(name) ?? ''
    if (this.gateway.product === 'portreeve') return lab.startGateway(name, token)
    lab.startProgram(name, [this.gateway.path], {
      env: {
        ...QUIET,
        FIREZONE_API_URL: apiUrl,
        FIREZONE_TOKEN: token,
        FIREZONE_NAME: name,
        FIREZONE_ID: this.#id(name),
      },
    })
  }

  async startClient(): Promise<void> {
    const { world } = this
    const { lab } = world
    const { token } = await world.api.create(`actors/${world.id('ada')}/client_tokens`, { name: 'laptop' })
    if (this.client.product === 'portreeve') {
      await lab.startClient(String(token))
      await clientConnected(world)
    } else {
      const identity = { FIREZONE_TOKEN: String(token), FIREZONE_NAME: 'laptop', FIREZONE_ID: this.#id('client') }
      lab.startProgram('client', [this.client.path], { env: { ...QUIET, FIREZONE_API_URL: apiUrl, ...identity } })
      await eventually(async () => ((await this.spoken('client')) === undefined ? undefined : true), {
        what: 'the client is connected',
        timeoutMs: 30_000,
      })
      await lab.machines.client.resolvConf(`nameserver ${SENTINEL}\n`)
    }
    await world.resolvesTo(RESOURCES.name, isMapped, 20_000)
  }

  /** Address of a name in the public DNS, which shows that no resource answers for it. */
  upstream(name: keyof typeof UPSTREAM_NAMES): string {
    return UPSTREAM_NAMES[name]
  }

  /** User agent and dialect of the newest connect of a role, as the portal logs it. */
  async spoken(role: 'client' | 'gateway'): Promise<Spoken | undefined> {
    const lines = this.world.lab.part('portal').output.split('\n')
    for (const line of lines.toReversed()) {
      if (!line.includes('a peer connected') || !line.startsWith('{')) continue
      const said = JSON.parse(line) as Spoken & { role: string }
      if (said.role === role) return { dialect: said.dialect, userAgent: said.userAgent }
    }
    return undefined
  }

  async close(): Promise<void> {
    await this.world.lab.close()
  }

  /** Id of a released peer, always the same in a lab. */
  #id(name: string): string {
    const known = this.#tokens.get(`id of ${name}`) ?? randomUUID()
    this.#tokens.set(`id of ${name}`, known)
    return known
  }

  /** Has a gateway's machine forward and translate, which a released gateway's package does by a script. */
  async #forward(name: GatewayName): Promise<void> {
    const machine = this.world.lab.machines[name]
    await machine.mustRun('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1'])
    const translate = 'type nat hook postrouting priority 100; ip saddr 100.64.0.0/11 oifname "site" masquerade'
    // The lab's shortcuts lead to the site past the tunnel, where a gateway forwards for everybody.
    const guard = 'type filter hook forward priority 0; iifname "outside" oifname "site" drop'
    const table = `table ip interop { chain post { ${translate}; }; chain forward { ${guard}; }; }`
    await machine.mustRun('nft', ['-f', '-'], { input: table })
  }
}

const apiUrl = PORTAL_URL.replace('http', 'ws')
