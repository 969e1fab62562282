import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { packageRoot } from '../runtime/process/package-root.ts'
import { mergedConfig, type BroughtPlugins, type LabHost } from './lab-plugins.ts'
import { buildNetwork, type Machines, type Network, type Routers } from './network.ts'
import type { Namespace } from './namespace.ts'
import type { Part, PartOptions } from './part.ts'
import { labProgram, portreeve } from './program.ts'
import { RunDirectory } from './run-directory.ts'
import {
  ADMIN_PORT,
  MACHINES,
  MAIL_PORT,
  PORTAL_PORT,
  PORTAL_URL,
  PROVIDER_PORT,
  PROVIDER_URL,
  SITE_NAMES,
  UPSTREAM_NAMES,
  WEB_PORT,
  type GatewayName,
  type MachineName,
} from './topology.ts'

/** Time within which a service of `portreeve lab --plugins` has to be ready. */
const SERVICE_TIMEOUT_MS = 20_000
/** Name of the file, in the run's folder, with an admin's Authorization header: `curl -H @FILE`. */
export const ADMIN_HEADER = 'admin.header'

export interface LabOptions {
  /** Additional settings of the portal's configuration. */
  portal?: object
  /** Plugins of others that the hosts load. */
  brought?: BroughtPlugins
  /** Whether the organisation has an identity provider and a mail server: packages that have to be installed. */
  hasProvider?: boolean
  /** Machines behind routers that translate addresses. */
  routers?: Routers | undefined
}

/** The lab's machines (network namespaces), and the processes that run on them. */
export class Lab {
  readonly run: RunDirectory
  readonly machines: Machines
  /** Machine with the switches of all networks. */
  readonly switches: Namespace
  /** Routers of the machines that are behind one. */
  readonly routers: Partial<Readonly<Record<MachineName, Namespace>>>
  /** OAuth client id and secret of the portal at the identity provider. */
  readonly oidcClient = { id: 'portreeve', secret: randomBytes(24).toString('base64url') }
  readonly #parts = new Map<string, Part>()
  readonly #expectedToEnd = new Set<Part>()
  #crash: (problem: string) => void = () => undefined
  /** Resolves with a description if a process ends unexpectedly. */
  readonly crashed = new Promise<string>((resolve) => (this.#crash = resolve))

  readonly hasProvider: boolean
  readonly brought: BroughtPlugins | undefined
  readonly #portalSettings: object

  private constructor(
    run: RunDirectory,
    { machines, switches, routers }: Network,
    { portal = {}, brought, hasProvider = true }: LabOptions,
  ) {
    this.run = run
    this.machines = machines
    this.switches = switches
    this.routers = routers
    this.hasProvider = hasProvider
    this.brought = brought
    this.#portalSettings = portal
  }

  static async open(options: LabOptions = {}): Promise<Lab> {
    const run = await RunDirectory.open()
    try {
      return new Lab(run, await buildNetwork(run, options.routers), options)
    } catch (error) {
      // `close` would fail on machines that were not made, and hide the error that counts.
      await run.abandon()
      throw error
    }
  }

  /** Starts name servers, the identity provider and the protected servers. */
  async startServices(): Promise<void> {
    await Promise.all([
      this.#startDns('upstream', UPSTREAM_NAMES),
      this.#startDns('site-dns', SITE_NAMES),
      this.#startWeb('web'),
      this.#startWeb('files'),
      ...(this.hasProvider ? [this.#startProvider()] : []),
    ])
    await this.#startBroughtServices()
  }

  /** Runs `portreeve portal init` and returns its result. */
  async initPortal(
    account: string,
    adminEmail: string,
  ): Promise<{ token: string; account: { id: string; slug: string } }> {
    const config = await this.portalConfig()
    const args = ['portal', 'init', '--config', config, '--account', account, '--admin-email', adminEmail, '--json']
    const { stdout } = await this.machines.portal.mustRun(process.execPath, portreeve(...args))
    const made = JSON.parse(stdout) as { token: string; account: { id: string; slug: string } }
    await this.run.write(ADMIN_HEADER, `Authorization: Bearer ${made.token}\n`)
    return made
  }

  async startPortal(): Promise<void> {
    const config = await this.portalConfig()
    const part = await this.start('portal', portreeve('portal', '--config', config))
    await part.line((line) => line.startsWith('portal: listening'))
  }

  /** Writes the portal's configuration and returns its path. */
  portalConfig(): Promise<string> {
    return this.#config('portal', 'portal', {
      listen: { host: MACHINES.portal.outside, port: PORTAL_PORT },
      public_url: PORTAL_URL,
      state_folder: join(this.run.path, 'portal'),
      ...this.#portalSettings,
      plugins: [
        {
          use: 'builtin:identity-email-otp',
          config: {
            smtp: { host: MACHINES.provider.outside, port: MAIL_PORT, tls: 'never' },
            from: 'Portreeve <portreeve@example.org>',
          },
        },
      ],
    })
  }

  /** Starts a gateway; without a token, with that of its last start. `settings` are added to its configuration. */
  async startGateway(name: GatewayName, token?: string, settings: object = {}): Promise<void> {
    await this.start(name, portreeve('gateway', '--config', await this.gatewayConfig(name, token, settings)))
  }

  /** Writes a gateway's configuration and returns its path. */
  async gatewayConfig(name: GatewayName, token?: string, settings: object = {}): Promise<string> {
    return this.#config('gateway', name, {
      portal_url: PORTAL_URL,
      name,
      token_file: await this.#tokenFile(name, token),
      state_folder: join(this.run.path, name),
      ...settings,
    })
  }

  /** Starts the client; without a token, with that of its last start. `settings` are added to its configuration. */
  async startClient(token?: string, settings: object = {}): Promise<void> {
    await this.start('client', portreeve('client', 'up', '--config', await this.clientConfig(token, settings)))
  }

  /** Writes the client's configuration and returns its path. */
  async clientConfig(token?: string, settings: object = {}): Promise<string> {
    return this.#config('client', 'client', {
      portal_url: PORTAL_URL,
      name: 'adas-laptop',
      token_file: await this.#tokenFile('client', token),
      state_folder: join(this.run.path, 'client'),
      socket: this.clientSocket,
      ...settings,
    })
  }

  get clientSocket(): string {
    return join(this.run.path, 'client.sock')
  }

  part(name: MachineName): Part {
    const part = this.#parts.get(name)
    if (part === undefined) throw new Error(`${name} does not run`)
    return part
  }

  /** Whether a machine's part was started and has not ended. */
  isRunning(name: MachineName): boolean {
    return this.#parts.get(name)?.isRunning === true
  }

  /** Starts a Node program as the machine's part. */
  async start(name: MachineName, args: readonly string[], options: Omit<PartOptions, 'name'> = {}): Promise<Part> {
    return this.startProgram(name, [process.execPath, ...args], options)
  }

  /** Starts any program, with its arguments, as the machine's part. */
  startProgram(name: MachineName, [program = '', ...args]: string[], options: Omit<PartOptions, 'name'> = {}): Part {
    return this.#watch(name, this.machines[name].spawn(program, args, this.#partOptions(name, options)))
  }

  /** Kills a part with SIGKILL, as a power cut would. */
  async killPart(name: MachineName): Promise<void> {
    const part = this.part(name)
    this.#expectedToEnd.add(part)
    part.kill('SIGKILL')
    await part.ended
  }

  /** Ends a part with SIGTERM and waits; with `ask` false, only waits for a part that ends otherwise. */
  async endPart(name: MachineName, { ask = true }: { ask?: boolean } = {}): Promise<void> {
    const part = this.part(name)
    this.#expectedToEnd.add(part)
    if (ask) await part.stop()
    else await part.ended
  }

  /** Returns the last lines of a part's output, for a message. */
  lastWords(name: string): string {
    return this.#parts.get(name)?.output.split('\n').slice(-15).join('\n') ?? ''
  }

  /** Ends all parts and removes all namespaces. */
  async close({ keepFiles = false }: { keepFiles?: boolean } = {}): Promise<void> {
    for (const part of this.#parts.values()) this.#expectedToEnd.add(part)
    // The client is ended first, so that it can tell the portal. Processes that do not end are killed with their
    // namespace.
    const order: MachineName[] = ['client', 'gateway-1', 'gateway-2', 'portal']
    for (const name of order) await this.#parts.get(name)?.stop({ graceMs: 3_000 })
    await this.run.close({ keepFiles })
  }

  #partOptions(name: string, options: Omit<PartOptions, 'name'>): PartOptions {
    return { ...options, name, log: join(this.run.path, `${name}.log`) }
  }

  #watch(name: string, part: Part): Part {
    this.#parts.set(name, part)
    void part.ended.then(({ code, signal }) => {
      if (!this.#expectedToEnd.has(part))
        this.#crash(`${name} ended (${String(signal ?? code)}):\n${this.lastWords(name)}`)
    })
    return part
  }

  async #startDns(name: 'upstream' | 'site-dns', names: Readonly<Record<string, string>>): Promise<void> {
    const { outside, site } = MACHINES[name]
    const args = [
      '--keep-in-foreground',
      '--log-facility=-',
      '--log-queries',
      '--no-resolv',
      '--no-hosts',
      '--conf-file=/dev/null',
      '--pid-file=',
      '--user=root',
      '--bind-interfaces',
      `--listen-address=${outside ?? site}`,
      ...Object.entries(names).map(([host, address]) => `--host-record=${host},${address}`),
      '--local=/example.org/ipv4only.arpa/',
    ]
    const part = this.#watch(name, this.machines[name].spawn('dnsmasq', args, this.#partOptions(name, {})))
    await part.line((line) => line.includes('started'))
  }

  async #startWeb(name: 'web' | 'files'): Promise<void> {
    const input = JSON.stringify({ name, address: MACHINES[name].site, ports: [WEB_PORT, ADMIN_PORT] })
    const part = await this.start(name, labProgram('web-server'), { input })
    await Promise.all([WEB_PORT, ADMIN_PORT].map((port) => part.line((line) => line === `listening on ${port}`)))
  }

  async #startProvider(): Promise<void> {
    const input = {
      issuer: PROVIDER_URL,
      address: MACHINES.provider.outside,
      port: PROVIDER_PORT,
      mailPort: MAIL_PORT,
      client: this.oidcClient,
    }
    const part = await this.start('provider', labProgram('identity-provider'), { input: JSON.stringify(input) })
    await part.line((line) => line === 'ready')
  }

  /** Starts the services that the file of plugins names; each is ready when it has printed a line. */
  async #startBroughtServices(): Promise<void> {
    const { services, folder } = this.brought ?? { services: [], folder: '' }
    const parts = services.map((command, at) => {
      const name = `service-${at + 1}`
      const options = this.#partOptions(name, { cwd: folder })
      return this.#watch(name, this.machines.provider.spawn('sh', ['-c', command], options))
    })
    await Promise.all(parts.map((part) => part.line(() => true, { timeoutMs: SERVICE_TIMEOUT_MS })))
  }

  /** Returns the path of a part's token file (mode 0600), and writes the token into it if given. */
  async #tokenFile(name: string, token: string | undefined): Promise<string> {
    return token === undefined ? join(this.run.path, `${name}.token`) : this.run.write(`${name}.token`, token)
  }

  /**
   * Writes a packaged configuration with a machine's own settings and those of the plugins that were brought. Returns
   * the path: in the folder of these, so that packages and relative paths are found as from an operator's file there.
   */
  async #config(host: LabHost, name: string, own: Readonly<Record<string, unknown>>): Promise<string> {
    const packaged = await readFile(join(packageRoot(), 'config', `${host}.yaml`), 'utf8')
    const text = stringify(mergedConfig(host, parse(packaged) as Record<string, unknown>, own, this.brought))
    if (this.brought === undefined) return this.run.write(`${name}.yaml`, text)
    return this.run.writeInto(this.brought.folder, `${name}.yaml`, text)
  }
}

/** Returns a command that opens a shell on a part's machine, with its network and its resolv.conf. */
export const enter = ({ pid }: Part): string => `nsenter --target ${pid} --net --mount bash`
