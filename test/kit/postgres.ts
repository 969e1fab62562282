import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Context } from 'mocha'
import { Client, type QueryResult } from 'pg'
import { runCommand } from '../../hosts/runtime/process/run-command.ts'
import type { Certificate } from './certificate.ts'
import { freePort } from './free-port.ts'
import { PATIENCE_MS } from './patience.ts'
import { skipBecause } from './skip-because.ts'

export interface PostgresDatabase {
  host: string
  port: number
  user: string
  database: string
}

/** A PostgreSQL that requires TLS and a password over TCP, and its administrator on the Unix socket. */
export interface SecuredPostgres {
  postgres: Postgres
  /** Port on the loopback address. */
  port: number
}

let sharedServer: Promise<Postgres> | undefined

const VERSIONS = '/usr/lib/postgresql'
const PORT = 5432

/**
 * Debian's PostgreSQL, unmodified, in a temporary folder and on a Unix socket there. It trusts everybody who can open
 * the socket.
 */
export class Postgres {
  private constructor(
    /** Folder of the socket. */
    readonly folder: string,
    private readonly port: number = PORT,
    private readonly server?: { process: ChildProcess; closed: Promise<unknown>; endNow: () => void },
  ) {}

  /** A PostgreSQL that runs already; the caller does not stop it. */
  static at(folder: string): Postgres {
    return new Postgres(folder)
  }

  /**
   * The PostgreSQL of all tests of this process that do nothing to the server: the first that asks starts it, and it ends
   * with the process. Skips the test where it is not installed, as `start` does.
   */
  static async shared(context: Context): Promise<Postgres> {
    sharedServer ??= Postgres.#run(context, { listen_addresses: '' }).then((postgres) => {
      postgres.server?.process.unref()
      process.once('exit', () => postgres.server?.endNow())
      return postgres
    })
    return sharedServer
  }

  /** Starts a PostgreSQL; skips the test where it is not installed. The set-up of `npm test` installs it. */
  static async start(context?: Context): Promise<Postgres> {
    return Postgres.#run(context, { listen_addresses: '' })
  }

  /** Starts a PostgreSQL with `ssl = on`, and scram-sha-256 for connections to the loopback address. */
  static async startSecured({ key, cert }: Certificate, context?: Context): Promise<SecuredPostgres> {
    const port = await freePort('127.0.0.1')
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      ssl: 'on',
      password_encryption: 'scram-sha-256',
    }
    const postgres = await Postgres.#run(context, settings, {
      'server.key': key,
      'server.crt': cert,
      'pg_hba.conf': 'local all portreeve trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n',
    })
    return { postgres, port }
  }

  static async #run(
    context: Context | undefined,
    given: Readonly<Record<string, string>>,
    files: Readonly<Record<string, string>> = {},
  ): Promise<Postgres> {
    const version = existsSync(VERSIONS) ? readdirSync(VERSIONS).at(-1) : undefined
    if (version === undefined) {
      if (context !== undefined) skipBecause(context, `needs PostgreSQL in ${VERSIONS}`)
      throw new Error(`there is no PostgreSQL in ${VERSIONS}`)
    }
    const programs = join(VERSIONS, version, 'bin')
    const folder = await mkdtemp(join(tmpdir(), 'portreeve-postgres-'))
    const data = join(folder, 'data')
    // PostgreSQL refuses to run as root.
    const owner = userInfo().uid === 0 ? await ownerOf('postgres') : undefined
    if (owner !== undefined) await chown(folder, owner.uid, owner.gid)
    const options = { cwd: folder, stdio: 'ignore' as const, ...owner }
    const init = spawn(
      join(programs, 'initdb'),
      ['--auth=trust', '--username=portreeve', '--encoding=UTF8', '--locale=C', '--no-sync', '-D', data],
      options,
    )
    const code = await new Promise((resolve) => init.once('exit', resolve))
    if (code !== 0) throw new Error(`initdb ended with ${String(code)}`)
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(data, name), text, { mode: 0o600 })
      if (owner !== undefined) await chown(join(data, name), owner.uid, owner.gid)
    }
    const port = Number(given['port'] ?? PORT)
    const settings = { unix_socket_directories: folder, fsync: 'off', max_connections: '200', ...given }
    const server = spawn(
      join(programs, 'postgres'),
      ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      options,
    )
    const closed = new Promise((resolve) => server.once('exit', resolve))
    process.once('exit', () => server.kill('SIGQUIT'))
    const endNow = (): void => {
      spawnSync(join(programs, 'pg_ctl'), ['stop', '-w', '-m', 'immediate', '-D', data], options)
      rmSync(folder, { recursive: true, force: true })
    }
    const postgres = new Postgres(folder, port, { process: server, closed, endNow })
    await postgres.#answering()
    return postgres
  }

  /** Makes an empty database. */
  async newDatabase(): Promise<PostgresDatabase> {
    const database = `portal_${randomUUID().replaceAll('-', '')}`
    // The default strategy writes each block of the template to the log.
    await this.query(`CREATE DATABASE ${database} STRATEGY FILE_COPY`)
    return { ...this.#administration, database }
  }

  /** Runs one statement as the administrator. */
  async query(text: string): Promise<QueryResult> {
    const client = new Client(this.#administration)
    await client.connect()
    try {
      return await client.query(text)
    } finally {
      await client.end()
    }
  }

  async stop(): Promise<void> {
    if (this.server === undefined) return
    this.server.process.kill('SIGINT')
    await this.server.closed
    await rm(this.folder, { recursive: true, force: true })
  }

  get #administration(): PostgresDatabase {
    return { host: this.folder, port: this.port, user: 'portreeve', database: 'postgres' }
  }

  async #answering(): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const error = await this.query('SELECT 1').then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (error === undefined) return
      if (Date.now() > deadline || (this.server?.process.exitCode ?? null) !== null) throw error
      await new Promise((resolve) => {
        setTimeout(resolve, 50)
      })
    }
  }
}

const ownerOf = async (user: string): Promise<{ uid: number; gid: number }> => ({
  uid: Number(await runCommand('id', ['-u', user])),
  gid: Number(await runCommand('id', ['-g', user])),
})
