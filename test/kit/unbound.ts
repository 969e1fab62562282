import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificate, type Certificate } from './certificate.ts'
import { freePort } from './free-port.ts'

export interface UnboundOptions {
  /** Listening address; 127.0.0.1 by default. */
  address?: string
  /** Listening ports; free ones by default. */
  ports?: Unbound['ports']
  /** Network namespace to run in. */
  namespace?: string
  /** TLS certificate; a new one by default. */
  certificate?: Certificate
  /** Records of the server in zone-file form; it answers all other names with NXDOMAIN. */
  records: readonly string[]
}

/** Debian's unbound on loopback, in the foreground: plain DNS, DNS over TLS and DNS over HTTPS, for names of its own only. */
export class Unbound {
  readonly address: string
  readonly ports: { plain: number; tls: number; https: number }
  readonly certificate: Certificate
  readonly #process: ChildProcess
  readonly #folder: string

  static readonly serverName = 'dns.example.org'

  static async start({
    address = '127.0.0.1',
    ports: wanted,
    namespace,
    certificate: given,
    records,
  }: UnboundOptions): Promise<Unbound> {
    const certificate = given ?? (await makeCertificate([Unbound.serverName, address]))
    const ports = wanted ?? {
      plain: await freePort(address),
      tls: await freePort(address),
      https: await freePort(address),
    }
    const folder = await mkdtemp(join(tmpdir(), 'portreeve-unbound-'))
    const [keyFile, certFile, file] = ['key.pem', 'cert.pem', 'unbound.conf'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    await writeFile(keyFile, certificate.key, { mode: 0o600 })
    await writeFile(certFile, certificate.cert)
    const listen = Object.values(ports).map((port) => `  interface: ${address}@${port}`)
    const data = records.map((record) => `  local-data: '${record}'`)
    const lines = [
      'server:',
      ...listen,
      `  tls-port: ${ports.tls}`,
      `  https-port: ${ports.https}`,
      `  tls-service-key: ${keyFile}`,
      `  tls-service-pem: ${certFile}`,
      '  http-endpoint: /dns-query',
      '  local-zone: . static',
      ...data,
      '  do-daemonize: no',
      '  username: ""',
      '  chroot: ""',
      `  directory: ${folder}`,
      '  pidfile: ""',
      '  use-syslog: no',
      '  logfile: ""',
      '  access-control: 0.0.0.0/0 allow',
      '  verbosity: 1',
      '  num-threads: 1',
      '  module-config: iterator',
      'remote-control:',
      '  control-enable: no',
      '',
    ]
    await writeFile(file, lines.join('\n'))
    const flags = ['-d', '-c', file]
    const [command, args] =
      namespace === undefined ? ['unbound', flags] : ['ip', ['netns', 'exec', namespace, 'unbound', ...flags]]
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
    })
    await new Promise<void>((resolve, reject) => {
      let log = ''
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`unbound ended with ${code}: ${log}`)))
      child.stderr.on('data', (text: Buffer) => {
        log += text.toString()
        if (/start of service/.test(log)) resolve()
      })
    })
    return new Unbound({ child, folder, address, ports, certificate })
  }

  private constructor(parts: {
    child: ChildProcess
    folder: string
    address: string
    ports: Unbound['ports']
    certificate: Certificate
  }) {
    this.#process = parts.child
    this.#folder = parts.folder
    this.address = parts.address
    this.ports = parts.ports
    this.certificate = parts.certificate
  }

  /** Suspends the server, or resumes it: a suspended one receives queries and answers none. */
  pause(isPaused: boolean): void {
    this.#process.kill(isPaused ? 'SIGSTOP' : 'SIGCONT')
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill()
    await ended
    await rm(this.#folder, { recursive: true })
  }
}
