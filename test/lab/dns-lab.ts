import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import type { ClientStatus } from '../../hosts/client/session/client-status.ts'
import { askClient } from '../../hosts/client/session/control-socket.ts'
import type { CommandResult } from '../../hosts/lab/command.ts'
import { eventually } from '../../hosts/lab/eventually.ts'
import { Lab } from '../../hosts/lab/lab.ts'
import type { Part } from '../../hosts/lab/part.ts'
import { PortalApi } from '../../hosts/lab/portal-api.ts'
import { labProgram } from '../../hosts/lab/program.ts'
import { MACHINES, PORTAL_URL, type MachineName } from '../../hosts/lab/topology.ts'
import { PATIENCE_MS } from '../kit/patience.ts'

export interface DnsLabOptions {
  /** Options of the outside dnsmasq, which is the name server of the client's machine, beside the portal's name. */
  upstream?: readonly string[]
  /** Options of the site's dnsmasq, beside `hosts`. */
  site?: readonly string[]
  /** Addresses by name at the site; `changeHosts` replaces them while the lab runs. */
  hosts: Readonly<Record<string, readonly string[]>>
  /** DNS resources by the name under which `resource` returns their ids; CIDR ones if the address has a slash. */
  resources: Readonly<Record<string, { address: string } & Record<string, unknown>>>
  /** Hosts file and search list of the gateway's machine. */
  gateway?: { hosts?: string; search?: string }
  /** Resources that have no policy at first. */
  withoutPolicy?: readonly string[]
  /** Fields of the account. */
  account?: Readonly<Record<string, unknown>>
  startClient?: boolean
}

/** A real portal, gateway and client, with name servers and web servers of the test. */
export class DnsLab {
  readonly lab: Lab
  readonly api: PortalApi
  readonly #ids: ReadonlyMap<string, string>
  readonly #group: string
  readonly token: string
  readonly #hostsFile: string
  readonly #parts: ReadonlyMap<string, Part>

  static async open(options: DnsLabOptions): Promise<DnsLab> {
    const lab = await Lab.open()
    try {
      return await DnsLab.#build(lab, options)
    } catch (error) {
      await lab.close()
      throw error
    }
  }

  static async #build(lab: Lab, options: DnsLabOptions): Promise<DnsLab> {
    const hostsFile = join(lab.run.path, 'hosts')
    await writeFile(hostsFile, hostsText(options.hosts))
    const portalName = `--host-record=portal.example.org,${MACHINES.portal.outside}`
    const parts = new Map<string, Part>()
    parts.set('upstream', await serveNames(lab, 'upstream', [portalName, ...(options.upstream ?? [])]))
    const atSite = [portalName, `--addn-hosts=${hostsFile}`, ...(options.site ?? [])]
    parts.set('site-dns', await serveNames(lab, 'site-dns', atSite))
    for (const name of ['web', 'files'] as const) {
      const input = JSON.stringify({ name, address: MACHINES[name].site, ports: [80, 8081] })
      const part = await lab.start(name, labProgram('web-server'), { input })
      await part.line((line) => line === 'listening on 8081')
    }
    const made = await lab.initPortal('example', 'admin@example.org')
    await lab.startPortal()
    const api = new PortalApi({ machine: lab.machines.portal, url: PORTAL_URL, token: made.token })
    if (options.account !== undefined) await api.patch('account', options.account)
    const ids = new Map<string, string>()
    const { id: site_id } = await api.create('sites', { name: 'berlin' })
    const { id: ada } = await api.create('actors', { name: 'Ada', type: 'user', email: 'ada@example.org' })
    const { id: group_id } = await api.create('groups', { name: 'Engineers' })
    await api.put(`groups/${group_id}/memberships`, { actor_ids: [ada] })
    for (const [name, resource] of Object.entries(options.resources)) {
      const type = resource.address.includes('/') ? 'cidr' : 'dns'
      const { id } = await api.create('resources', { type, name, site_id, filters: [], ...resource })
      ids.set(name, id)
    }
    const { token: gatewayToken } = await api.create(`sites/${site_id}/gateway_tokens`, { name: 'gateway-1' })
    const { hosts: ownHosts = '', search } = options.gateway ?? {}
    await lab.machines['gateway-1'].etc('hosts', ownHosts)
    if (search !== undefined) {
      const server = MACHINES['site-dns'].site ?? ''
      await lab.machines['gateway-1'].resolvConf(`search ${search}\nnameserver ${server}\n`)
    }
    await lab.startGateway('gateway-1', String(gatewayToken))
    const { token } = await api.create(`actors/${ada}/client_tokens`, { name: 'laptop' })
    const dns = new DnsLab({ lab, api, ids, group: group_id, token: String(token), hostsFile, parts })
    for (const name of Object.keys(options.resources)) {
      if (options.withoutPolicy?.includes(name) !== true) await dns.allow(name)
    }
    await eventually(
      async () => ((await api.list('gateways')).some((row) => row['is_connected'] === true) ? true : undefined),
      { what: 'the gateway is connected', timeoutMs: PATIENCE_MS },
    )
    if (options.startClient !== false) await dns.startClient()
    return dns
  }

  private constructor(made: {
    lab: Lab
    api: PortalApi
    ids: ReadonlyMap<string, string>
    group: string
    token: string
    hostsFile: string
    parts: ReadonlyMap<string, Part>
  }) {
    this.lab = made.lab
    this.api = made.api
    this.#ids = made.ids
    this.#group = made.group
    this.token = made.token
    this.#hostsFile = made.hostsFile
    this.#parts = made.parts
  }

  close(): Promise<void> {
    return this.lab.close()
  }

  resource(name: string): string {
    const id = this.#ids.get(name)
    if (id === undefined) throw new Error(`no resource ${name}`)
    return id
  }

  /** Makes a policy for a resource and returns its id. */
  async allow(name: string): Promise<string> {
    const body = { group_id: this.#group, resource_id: this.resource(name), conditions: [] }
    return (await this.api.create('policies', body)).id
  }

  /** Starts the client and waits until it is connected and applications use its resolver. */
  async startClient(): Promise<void> {
    await this.lab.startClient(this.token)
    await eventually(async () => ((await this.status()).state === 'connected' ? true : undefined), {
      what: 'the client is connected',
      timeoutMs: PATIENCE_MS,
    })
    await eventually(async () => ((await this.resolvConf()).includes('nameserver 100.100.111.') ? true : undefined), {
      what: 'the resolver is set',
      timeoutMs: PATIENCE_MS,
    })
  }

  async account(): Promise<unknown> {
    return this.api.get('account')
  }

  async status(): Promise<ClientStatus> {
    return (await askClient(this.lab.clientSocket, 'status')) as ClientStatus
  }

  /** Runs a command on the client's machine, whatever its exit code. */
  client(command: string, args: readonly string[], timeoutMs = PATIENCE_MS): Promise<CommandResult> {
    const env = { PORTREEVE_SOCKET: this.lab.clientSocket }
    return this.lab.machines.client.run(command, args, { timeoutMs, env })
  }

  async resolvConf(): Promise<string> {
    return (await this.client('cat', ['/etc/resolv.conf'])).stdout
  }

  /** Runs dig on the client's machine; returns its whole text, and the data of the answers. */
  async dig(
    ...args: string[]
  ): Promise<{ text: string; answers: string[]; status: string; flags: string[]; ms: number }> {
    const began = performance.now()
    const { stdout: text } = await this.client('dig', ['+tries=1', '+time=20', ...args])
    const ms = Math.round(performance.now() - began)
    const section = /;; ANSWER SECTION:\n([\s\S]*?)\n\n/.exec(text)?.[1] ?? ''
    const answers = section
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(/\s+/).slice(4).join(' '))
    return {
      text,
      answers,
      status: /status: ([A-Z]+)/.exec(text)?.[1] ?? 'NONE',
      flags: (/;; flags: ([a-z ]+);/.exec(text)?.[1] ?? '').split(' '),
      ms,
    }
  }

  /** Fetches a page by curl on the client's machine; returns the server that saw the request, or curl's exit code. */
  async page(
    url: string,
    ...args: string[]
  ): Promise<{ server: string | undefined; address: string; code: number | null; ms: number }> {
    const began = performance.now()
    const { stdout, code } = await this.client('curl', ['-s', '--max-time', '30', ...args, url])
    const ms = Math.round(performance.now() - began)
    if (code !== 0) return { server: undefined, address: '', code, ms }
    const seen = JSON.parse(stdout) as { server: string; address: string }
    return { ...seen, code, ms }
  }

  /** Replaces the records of the site's name server. */
  async changeHosts(hosts: DnsLabOptions['hosts']): Promise<void> {
    await writeFile(this.#hostsFile, hostsText(hosts))
    const part = this.part('site-dns')
    const before = part.output.split('\n').length
    part.kill('SIGHUP')
    await eventually(
      () =>
        Promise.resolve(
          part.output
            .split('\n')
            .slice(before)
            .some((line) => line.includes('read'))
            ? true
            : undefined,
        ),
      { what: 'the name server has read its file', timeoutMs: PATIENCE_MS },
    )
  }

  part(name: 'upstream' | 'site-dns'): Part {
    const part = this.#parts.get(name)
    if (part === undefined) throw new Error(`${name} does not run`)
    return part
  }

  /** Queries for a name that a name server has received: `query[A] NAME from ADDRESS`. */
  seen(by: 'upstream' | 'site-dns', name: string): string[] {
    return this.part(by)
      .output.split('\n')
      .flatMap((line) => /query\[\S+\] \S+ from \S+/.exec(line) ?? [])
      .filter((line) => line.toLowerCase().includes(`] ${name.toLowerCase()} `))
  }
}

/** Whether an address is in 100.96.0.0/11 or fd00:2021:1111:8000::/107. */
export const isMapped = (address: string): boolean =>
  /^100\.(9[6-9]|1[01]\d|12[0-7])\./.test(address) || address.startsWith('fd00:2021:1111:8000:')

const hostsText = (hosts: DnsLabOptions['hosts']): string =>
  Object.entries(hosts)
    .flatMap(([name, addresses]) => addresses.map((address) => `${address} ${name}\n`))
    .join('')

const serveNames = async (lab: Lab, machine: MachineName, options: readonly string[]): Promise<Part> => {
  const { outside, site } = MACHINES[machine]
  const args = [
    // Not --no-daemon: a dnsmasq that never forks serves one TCP connection at a time, and one that is kept idle stops all others.
    '--keep-in-foreground',
    '--log-facility=-',
    '--log-queries',
    '--no-resolv',
    '--no-hosts',
    '--conf-file=/dev/null',
    '--pid-file=',
    '--user=root',
    '--bind-interfaces',
    `--listen-address=${outside ?? site ?? ''}`,
    '--local=/#/',
    '--edns-packet-max=1232',
    ...options,
  ]
  const part = lab.machines[machine].spawn('dnsmasq', args, {
    name: machine,
    log: join(lab.run.path, `${machine}.log`),
  })
  await part.line((line) => line.includes('started'))
  return part
}
