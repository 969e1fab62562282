import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freeUdpPorts } from './free-udp-ports.ts'

/** Debian's coturn on loopback, in the foreground, with `use-auth-secret`. It may take a second until it answers. */
export class Coturn {
  readonly address = '127.0.0.1'
  readonly port: number
  readonly #process: ChildProcess
  readonly #folder: string

  /** Whether coturn is installed. */
  static isInstalled(): boolean {
    return spawnSync('turnserver', ['--version']).error === undefined
  }

  /** `relaysOnLoopback`: whether it listens and relays on ::1 as well, with some ports, and permits peers on loopback. */
  static async start({
    secret,
    relaysOnLoopback = false,
  }: {
    secret: string
    relaysOnLoopback?: boolean
  }): Promise<Coturn> {
    const folder = await mkdtemp(join(tmpdir(), 'portreeve-coturn-'))
    const [port = 0, relayed = 0] = await freeUdpPorts('127.0.0.1', 2)
    const more = relaysOnLoopback ? '--listening-ip ::1 --relay-ip ::1 --allow-loopback-peers' : ''
    const lastPort = relaysOnLoopback ? Math.min(relayed + 9, 65_535) : relayed
    const flags = `-n --listening-ip 127.0.0.1 --relay-ip 127.0.0.1 --listening-port ${port} --min-port ${relayed} --max-port ${lastPort}
      ${more} --realm firezone --use-auth-secret --no-tcp --no-tls --no-dtls --no-cli --log-file /dev/null
      --pidfile ${join(folder, 'pid')} --userdb ${join(folder, 'users')}`
    const child = spawn(
      'turnserver',
      [...flags.split(/\s+/).filter((flag) => flag !== ''), '--static-auth-secret', secret],
      { stdio: 'ignore' },
    )
    await once(child, 'spawn')
    return new Coturn({ child, folder, port })
  }

  private constructor({ child, folder, port }: { child: ChildProcess; folder: string; port: number }) {
    this.#process = child
    this.#folder = folder
    this.port = port
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
    await rm(this.#folder, { recursive: true })
  }
}
