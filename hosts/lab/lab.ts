import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { packageRoot } from '../runtime/process/package-root.ts'
import { buildNetwork, type Machines } from './network.ts'
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

/** The file of the run's folder that makes curl an admin: `curl -H @FILE`. */
export const ADMIN_HEADER = 'admin.header'

export interface LabOptions {
  /** Settings of the portal's configuration beside the lab's own. */
  portal?: object
}

/** The machines, and what runs on them. */
export class Lab {
  readonly run: RunDirectory
  readonly machines: Machines
  /** What the portal and the provider know each other by. */
  readonly oidcClient = { id: 'portreeve', secret: randomBytes(24).toString('base64url') }
  readonly #parts = new Map<string, Part>()
  readonly #expectedToEnd = new Set<Part>()
  #crash: (problem: string) => void = () => undefined
  /** Resolves with what happened where a part ends that nobody asked to. */
  readonly crashed = new Promise<string>((resolve) => (this.#crash = resolve))

  readonly #options: LabOptions

  private constructor(run: RunDirectory, machines: Machines, options: LabOptions) {
    this.run = run
    this.machines = machines
    this.#options = options
  }

  static async open(options: LabOptions = {}): Promise<Lab> {
    const run = await RunDirectory.open()
    try {
      return new Lab(run, await buildNetwork(run), options)
    } catch (error) {
      // Machines that were not made have nothing to count: why they were not is what has to be said.
      await run.abandon()
      throw error
    }
  }

  /** Name servers, the identity provider and the protected servers. */
  async startServices(): Promise<void> {
    await Promise.all([
      this.#startDns('upstream', UPSTREAM_NAMES),
      this.#startDns('site-dns', SITE_NAMES),
      this.#startWeb('web'),
      this.#startWeb('files'),
      this.#startProvider(),
    ])
  }

  /** `portreeve portal init`: what it prints. */
  async initPortal(
    account: string,
    adminEmail: string,
  ): Promise<{ token: string; account: { id: string; slug: string } }> {
    const config = await this.#portalConfig()
    const args = ['portal', 'init', '--config', config, '--account', account, '--admin-email', adminEmail, '--json']
    const { stdout } = await this.machines.portal.mustRun(process.execPath, portreeve(...args))
    const made = JSON.parse(stdout) as { token: string; account: { id: string; slug: string } }
    await this.run.write(ADMIN_HEADER, `Authorization: Bearer ${made.token}\n`)
    return made
  }

  async startPortal(): Promise<void> {
    const config = await this.#portalConfig()
    const part = await this.start('portal', portreeve('portal', '--config', config))
    await part.line((line) => line.startsWith('portal: listening'))
  }

  /** Its token is in a 0600 file of the run's folder. */
  async startGateway(name: GatewayName, token?: string): Promise<void> {
    const token_file = await this.#tokenFile(name, token)
    const config = await this.#config('gateway.yaml', name, {
      portal_url: PORTAL_URL,
      name,
      token_file,
      state_folder: join(this.run.path, name),
    })
    await this.start(name, portreeve('gateway', '--config', config))
  }

  /** Its token is in a 0600 file of the run's folder. */
  async startClient(token?: string): Promise<void> {
    await this.start('client', portreeve('client', 'up', '--config', await this.clientConfig(token)))
  }

  /** Writes the client's configuration and gives back its path. */
  async clientConfig(token?: string): Promise<string> {
    return this.#config('client.yaml', 'client', {
      portal_url: PORTAL_URL,
      name: 'adas-laptop',
      token_file: await this.#tokenFile('client', token),
      state_folder: join(this.run.path, 'client'),
      socket: this.clientSocket,
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

  /** Starts a Node program on a machine, as the only one of this name. */
  async start(name: MachineName, args: readonly string[], options: Omit<PartOptions, 'name'> = {}): Promise<Part> {
    return this.#watch(name, this.machines[name].spawn(process.execPath, args, this.#partOptions(name, options)))
  }

  /** Kills a part as a power cut would. */
  async killPart(name: MachineName): Promise<void> {
    const part = this.part(name)
    this.#expectedToEnd.add(part)
    part.kill('SIGKILL')
    await part.ended
  }

  /** Ends a part as an operator would, or waits for the end of one that was asked to by other means. */
  async endPart(name: MachineName, { ask = true }: { ask?: boolean } = {}): Promise<void> {
    const part = this.part(name)
    this.#expectedToEnd.add(part)
    if (ask) await part.stop()
    else await part.ended
  }

  /** What a machine's part wrote last, for a message. */
  lastWords(name: MachineName): string {
    return this.#parts.get(name)?.output.split('\n').slice(-15).join('\n') ?? ''
  }

  /** Ends every part, removes every namespace. */
  async close({ keepFiles = false }: { keepFiles?: boolean } = {}): Promise<void> {
    for (const part of this.#parts.values()) this.#expectedToEnd.add(part)
    // The client first, so that it takes its leave; what does not end by itself goes with its namespace.
    const order: MachineName[] = ['client', 'gateway-1', 'gateway-2', 'portal']
    for (const name of order) await this.#parts.get(name)?.stop({ graceMs: 3_000 })
    await this.run.close({ keepFiles })
  }

  #partOptions(name: string, options: Omit<PartOptions, 'name'>): PartOptions {
    return { ...options, name, log: join(this.run.path, `${name}.log`) }
  }

  #watch(name: MachineName, part: Part): Part {
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
      '--no-daemon',
      '--conf-file=/dev/null',
      '--pid-file=',
      '--user=root',
      '--bind-interfaces',
      `--listen-address=${outside ?? site}`,
      ...Object.entries(names).map(([host, address]) => `--host-record=${host},${address}`),
      '--local=/example.org/',
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

  /** Written the first time, used again. */
  async #tokenFile(name: string, token: string | undefined): Promise<string> {
    return token === undefined ? join(this.run.path, `${name}.token`) : this.run.write(`${name}.token`, token)
  }

  #portalConfig(): Promise<string> {
    return this.#config('portal.yaml', 'portal', {
      listen: { host: MACHINES.portal.outside, port: PORTAL_PORT },
      public_url: PORTAL_URL,
      state_folder: join(this.run.path, 'portal'),
      ...this.#options.portal,
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

  /** The configuration that comes with the package, with what is particular to a machine of the lab; plugins are added to its own. */
  async #config(original: string, name: string, settings: object): Promise<string> {
    const text = await readFile(join(packageRoot(), 'config', original), 'utf8')
    const comes = parse(text) as { plugins?: readonly object[] }
    const plugins = [...(comes.plugins ?? []), ...((settings as { plugins?: readonly object[] }).plugins ?? [])]
    return this.run.write(`${name}.yaml`, stringify({ ...comes, ...settings, plugins }))
  }
}

/** A shell where a part runs, for people who play on: on its machine, with its resolv.conf. */
export const enter = ({ pid }: Part): string => `nsenter --target ${pid} --net --mount bash`
