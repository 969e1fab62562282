import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PostgresDatabase } from './postgres.ts'

/**
 * A Unix socket in front of PostgreSQL's own, whose connections can fall silent as if the machine behind them were
 * gone.
 */
export class PostgresProxy {
  readonly #pairs = new Set<{ near: Socket; far: Socket; isSilent: boolean }>()

  private constructor(
    /** Folder of the socket, for the setting `host`. */
    readonly folder: string,
    private readonly server: Server,
  ) {}

  static async start({ host, port }: PostgresDatabase): Promise<PostgresProxy> {
    const folder = await mkdtemp(join(tmpdir(), 'portreeve-postgres-proxy-'))
    const server = createServer()
    const proxy = new PostgresProxy(folder, server)
    const name = `.s.PGSQL.${port}`
    server.on('connection', (near) => proxy.#join(near, connect(join(host, name))))
    await new Promise<void>((resolve) => {
      server.listen(join(folder, name), resolve)
    })
    return proxy
  }

  /** Stops all bytes, in both directions, on the connections that are open. New connections work. */
  silence(): void {
    for (const pair of this.#pairs) pair.isSilent = true
  }

  async stop(): Promise<void> {
    for (const { near, far } of this.#pairs) {
      near.destroy()
      far.destroy()
    }
    await new Promise((resolve) => {
      this.server.close(resolve)
    })
    await rm(this.folder, { recursive: true, force: true })
  }

  #join(near: Socket, far: Socket): void {
    const pair = { near, far, isSilent: false }
    this.#pairs.add(pair)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => {
        if (!pair.isSilent) to.write(bytes)
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        if (!pair.isSilent) to.destroy()
      })
    }
  }
}
