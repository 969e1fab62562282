import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createConnection } from 'node:net'
import type { Namespace } from '../../hosts/lab/namespace.ts'
import type { Part } from '../../hosts/lab/part.ts'

export interface WireGuardGoPeer {
  publicKey: Uint8Array
  presharedKey: Uint8Array
  allowedIp: string
  /** Endpoint of the peer; absent if the peer has to begin. */
  endpoint?: string
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Debian's wireguard-go with a device of its own in a namespace, configured through its UAPI socket. */
export class WireGuardGo {
  // The path of the UAPI socket is the same in every namespace: the name of the device keeps runs apart.
  readonly device = `wg${randomBytes(5).toString('hex')}`
  readonly #part: Part

  constructor(namespace: Namespace) {
    this.#part = namespace.spawn('wireguard-go', ['-f', this.device], {
      name: 'wireguard-go',
      env: { LOG_LEVEL: 'verbose', WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD: '1' },
    })
  }

  /** Log of the process so far. */
  get log(): string {
    return this.#part.output
  }

  ready(): Promise<string> {
    return this.#part.line((line) => line.includes('UAPI listener started'))
  }

  async configure(own: { privateKey: Uint8Array; listenPort: number }, peer: WireGuardGoPeer): Promise<void> {
    const answer = await this.#ask([
      'set=1',
      `private_key=${hex(own.privateKey)}`,
      `listen_port=${own.listenPort}`,
      'replace_peers=true',
      `public_key=${hex(peer.publicKey)}`,
      `preshared_key=${hex(peer.presharedKey)}`,
      ...(peer.endpoint === undefined ? [] : [`endpoint=${peer.endpoint}`]),
      `allowed_ip=${peer.allowedIp}`,
    ])
    if (!answer.includes('errno=0')) throw new Error(`wireguard-go refused its configuration: ${answer}`)
  }

  /** Changes the listening port, as behind a NAT that has forgotten its mapping. */
  async moveTo(port: number): Promise<void> {
    const answer = await this.#ask(['set=1', `listen_port=${port}`])
    if (!answer.includes('errno=0')) throw new Error(`wireguard-go stayed: ${answer}`)
  }

  /** Answer of the UAPI's `get=1` by key: `endpoint`, `rx_bytes`, `last_handshake_time_sec` … of the one peer. */
  async state(): Promise<Map<string, string>> {
    const lines = (await this.#ask(['get=1'])).split('\n').filter((line) => line.includes('='))
    return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  }

  async stop(): Promise<void> {
    await this.#part.stop()
  }

  #ask(lines: readonly string[]): Promise<string> {
    const path = `/var/run/wireguard/${this.device}.sock`
    if (!existsSync(path)) return Promise.reject(new Error(`${path} is not there`))
    return new Promise((resolve, reject) => {
      const socket = createConnection(path)
      let answer = ''
      socket.setEncoding('utf8')
      socket.on('data', (text: string) => {
        answer += text
        if (!answer.endsWith('\n\n')) return
        socket.end()
        resolve(answer)
      })
      socket.on('error', reject)
      socket.write(`${lines.join('\n')}\n\n`)
    })
  }
}
