import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Clock } from '../../core/runtime/clock.ts'
import { PortalConfig } from '../../hosts/portal/config.ts'
import { makeEmergencyCode, initPortal, startPortal } from '../../hosts/portal/main.ts'
import { createPluginModules } from '../../hosts/runtime/plugin-modules.ts'
import { writeMigratedDatabase } from './migrated-database.ts'
import { Postgres } from './postgres.ts'
import { RecordingLogger } from './recording-logger.ts'

export interface PortalFixtureOptions {
  /** Further configuration, with the names of the configuration file. */
  config?: Record<string, unknown>
  /** Built-in plugins to load; by default all that a portal has a use for. */
  plugins?: readonly string[]
  /** Configuration file from whose folder packages in `config.plugins` are resolved; built-in plugins need none. */
  configFile?: string
  clock?: Clock
  /** Time limit of a question to a plugin in a thread of its own; the product's by default. */
  questionMs?: number
}

export interface ApiAnswer {
  status: number
  headers: Headers
  // oxlint-disable-next-line typescript/no-explicit-any -- a test asserts what it is
  body: any
}

const PLUGINS = [
  'identity-oidc',
  'condition-time-window',
  'condition-remote-ip',
  'condition-identity-provider',
  'condition-client-verified',
  'selector-random',
  'resolver-udp',
  'resolver-tls',
  'resolver-https',
  'resolver-system',
]

/** A real portal on a free loopback port, with one account, its admin and an API token, in a temporary folder. */
export class PortalFixture {
  readonly #agent = new Agent({ keepAlive: true })

  private constructor(
    readonly url: string,
    readonly account: { id: string; slug: string },
    readonly admin: { id: string; email: string },
    /** API token of the admin. */
    readonly token: string,
    readonly logger: RecordingLogger,
    private readonly options: Parameters<typeof startPortal>[0],
    private running: { stop: () => Promise<void> },
  ) {}

  static async start(given: PortalFixtureOptions = {}): Promise<PortalFixture> {
    const { config = {}, plugins = PLUGINS, configFile, clock, questionMs } = given
    const folder = await mkdtemp(join(tmpdir(), 'portreeve-portal-'))
    const logger = new RecordingLogger()
    const options = {
      config: PortalConfig.parse({
        listen: { port: 0 },
        state_folder: folder,
        rate_limit: { burst: 100_000, per_second: 100_000, sign_in_burst: 100_000, sign_in_per_second: 100_000 },
        private_networks: ['127.0.0.0/8', '::1'], // addresses of the tests' providers
        plugins: plugins.map((name) => ({ use: `builtin:${name}` })),
        ...(await databaseConfig()),
        ...config,
      }),
      modules: createPluginModules(configFile ?? join(folder, 'portal.yaml')),
      version: '0.1.0-test',
      logger,
      ...(clock === undefined ? {} : { clock }),
      ...(questionMs === undefined ? {} : { questionMs }),
    }
    await prepareDatabase(options.config)
    const { account, admin, token } = await initPortal({
      ...options,
      account: 'example',
      adminEmail: 'admin@example.org',
    })
    const running = await startPortal(options)
    return new PortalFixture(running.url, account, admin, token, logger, options, running)
  }

  get stateFolder(): string {
    return this.options.config.state_folder
  }

  /** Makes another account in the same database, with an admin and an API token of its own. */
  async addAccount(slug: string): ReturnType<typeof initPortal> {
    return initPortal({ ...this.options, account: slug, adminEmail: `admin@${slug}.example.org` })
  }

  /** Starts another process of the same portal: same database and key, another port. The caller stops it. */
  async startAnother(
    ports: Pick<PortalFixtureOptions, 'clock'> & { logger?: RecordingLogger } = {},
  ): Promise<{ url: string; stop: () => Promise<void> }> {
    return startPortal({ ...this.options, ...ports })
  }

  /** Makes an emergency code, as the command line does beside the running portal. */
  async makeEmergencyCode(which: { adminEmail?: string; adminId?: string } = {}): ReturnType<typeof makeEmergencyCode> {
    return makeEmergencyCode({ ...this.options, account: this.account.slug, ...which })
  }

  /** Sends one request to the API, with the admin's token by default. */
  async api(method: string, path: string, body?: unknown, token: string | null = this.token): Promise<ApiAnswer> {
    const { status, headers, text } = await send({
      method,
      url: `${this.url}/api/v1${path}`,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
      agent: this.#agent,
    })
    return { status, headers, body: text === '' ? undefined : JSON.parse(text) }
  }

  /** Creates an object by the API and returns it; throws if the portal refuses. */
  async create(path: string, body: unknown = {}): Promise<ApiAnswer['body']> {
    const answer = await this.api('POST', path, body)
    if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  /** Stops the portal and starts it again on the same port and database, with other plugins if given. */
  async restart(plugins?: readonly string[]): Promise<void> {
    this.#agent.destroy()
    await this.running.stop()
    const { config } = this.options
    this.running = await startPortal({
      ...this.options,
      config: {
        ...config,
        listen: { ...config.listen, port: Number(new URL(this.url).port) },
        plugins: plugins?.map((name) => ({ use: `builtin:${name}` })) ?? config.plugins,
      },
    })
  }

  async stop(): Promise<void> {
    this.#agent.destroy()
    await this.running.stop()
    await rm(this.options.config.state_folder, { recursive: true, force: true })
  }
}

/**
 * Configuration of a new database in the PostgreSQL whose socket folder PORTREEVE_TEST_POSTGRES names; without that
 * variable SQLite.
 */
const databaseConfig = async (): Promise<{ database?: object }> => {
  const host = process.env['PORTREEVE_TEST_POSTGRES'] ?? ''
  if (host === '') return {}
  return { database: { driver: 'pg', ...(await Postgres.at(host).newDatabase()) } }
}

/** Sends one request with `node:http`, which takes a third of the processor time that `fetch` takes. */
const send = async (asked: {
  method: string
  url: string
  headers: Record<string, string>
  body: string | undefined
  agent: Agent
}): Promise<{ status: number; headers: Headers; text: string }> => {
  const { method, url, headers, body, agent } = asked
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent }, (incoming) => {
      const received = new Headers()
      for (let at = 0; at < incoming.rawHeaders.length; at += 2)
        received.append(incoming.rawHeaders[at] ?? '', incoming.rawHeaders[at + 1] ?? '')
      let text = ''
      incoming.setEncoding('utf8').on('data', (part: string) => (text += part))
      incoming.once('error', reject)
      incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, headers: received, text }))
    })
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      // The portal closes a connection that nobody used for seconds, perhaps at the moment at which it is used again.
      if (outgoing.reusedSocket && error.code === 'ECONNRESET') resolve(send(asked))
      else reject(error)
    })
    outgoing.end(body)
  })
}

/** Prepares a new SQLite database in a new state folder; any other database is left to the portal. */
const prepareDatabase = async ({ database, state_folder: folder }: PortalConfig): Promise<void> => {
  if (database.driver === 'pg' || database.file === ':memory:') return
  const file = resolve(folder, database.file)
  if (!existsSync(file)) await writeMigratedDatabase(file)
}
