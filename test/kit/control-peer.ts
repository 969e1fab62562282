import { WebSocket } from 'ws'
import type { Dialect } from '../../core/control/events.ts'
import { DEVICE_PROOF_HEADER, deviceProof } from '../../core/control/device-proof.ts'
import { Ed25519PrivateKey } from '../../core/crypto/ed25519.ts'
import { unixTime } from '../../core/runtime/time.ts'
import { PATIENCE_MS } from './patience.ts'

export interface PeerFrame {
  topic: string
  event: string
  // oxlint-disable-next-line typescript/no-explicit-any -- a test asserts what it is
  payload: any
  ref: number | null
}

export interface PeerOptions {
  url: string
  role: 'client' | 'gateway'
  /** `v2` by default. */
  dialect?: Dialect
  token: string
  externalId?: string
  name?: string
  publicKey?: string
  userAgent?: string
  /** The device's own key, of which the peer sends a proof. */
  deviceKey?: Ed25519PrivateKey
  headers?: Readonly<Record<string, string>>
  /** Further parameters of the URL. */
  parameters?: Readonly<Record<string, string>>
}

/** The answer to a connect that was refused. */
export interface ConnectRefused {
  status: number
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: { code?: string; status?: number }
}

/** A peer of the control channel on a real WebSocket that sends exactly the frames that a test wants. */
export class ControlPeer {
  readonly frames: PeerFrame[] = []
  readonly closed: Promise<{ code: number; reason: string }>
  #ref = 0
  #waiting: (() => void)[] = []

  private constructor(
    readonly role: 'client' | 'gateway' | 'relay',
    readonly socket: WebSocket,
  ) {
    socket.on('message', (data) => {
      this.frames.push(JSON.parse((data as Buffer).toString('utf8')) as PeerFrame)
      for (const wake of this.#waiting.splice(0)) wake()
    })
    this.closed = new Promise((resolve) =>
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString('utf8') })),
    )
  }

  /** Connects; rejects where the portal refuses, with its answer as the error's `cause`. */
  static async connect(options: PeerOptions): Promise<ControlPeer> {
    const { role, token, dialect = 'v2', publicKey = keyOf(options.externalId ?? role) } = options
    const { externalId = `${role}-1`, deviceKey } = options
    const about = { role, externalId, publicKey, token }
    const query = new URLSearchParams({
      external_id: externalId,
      name: options.name ?? role,
      public_key: publicKey,
      ...options.parameters,
    })
    const url = `${options.url.replace(/^http/, 'ws')}/${role}/${dialect === 'v2' ? 'v2/' : ''}websocket?${query.toString()}`
    const component = role === 'client' ? 'headless-client' : 'gateway'
    return ControlPeer.#open(role, url, {
      'User-Agent': options.userAgent ?? `Debian/12.0.0 ${component}/0.1.0 (x86_64; 6.1.0)`,
      'X-Authorization': `Bearer ${token}`,
      ...(deviceKey && { [DEVICE_PROOF_HEADER]: deviceProof(deviceKey, about, unixTime(Date.now())) }),
      ...options.headers,
    })
  }

  /** Opens the channel of a relay; rejects as `connect`. */
  static async connectRelay(options: {
    url: string
    token: string
    query: Readonly<Record<string, string>>
  }): Promise<ControlPeer> {
    const url = `${options.url.replace(/^http/, 'ws')}/relay/websocket?${new URLSearchParams(options.query).toString()}`
    return ControlPeer.#open('relay', url, {
      'User-Agent': 'Debian/12.0.0 relay/1.0.0 (x86_64; 6.1.0)',
      'X-Authorization': `Bearer ${options.token}`,
    })
  }

  static async #open(
    role: ControlPeer['role'],
    url: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<ControlPeer> {
    const socket = new WebSocket(url, { perMessageDeflate: false, headers })
    const peer = new ControlPeer(role, socket)
    await new Promise<void>((resolve, reject) => {
      socket.on('open', resolve)
      socket.on('error', reject)
      socket.on('unexpected-response', (_, response) => {
        let text = ''
        response.on('data', (part: Buffer) => (text += part.toString('utf8')))
        response.on('end', () => {
          const cause = {
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: JSON.parse(text) as ConnectRefused['body'],
          }
          reject(new Error(`refused: ${cause.status}`, { cause }))
        })
      })
    })
    return peer
  }

  /** Connects and joins; resolves with the peer and its `init`. */
  static async join(options: PeerOptions): Promise<{ peer: ControlPeer; init: PeerFrame['payload'] }> {
    const peer = await ControlPeer.connect(options)
    peer.send('phx_join', null)
    const init = await peer.next('init')
    return { peer, init: init.payload }
  }

  send(event: string, payload: unknown, topic: string = this.role): number {
    const ref = this.#ref++
    this.socket.send(JSON.stringify({ topic, event, payload, ref }))
    return ref
  }

  /** Resolves with the first frame of this name that no earlier call has returned. */
  async next(event: string, matches: (frame: PeerFrame) => boolean = () => true): Promise<PeerFrame> {
    const end = Date.now() + PATIENCE_MS
    for (;;) {
      const index = this.frames.findIndex((frame) => frame.event === event && matches(frame))
      const [frame] = index < 0 ? [] : this.frames.splice(index, 1)
      if (frame !== undefined) return frame
      const left = end - Date.now()
      if (left <= 0) throw new Error(`no ${event} in time; there is: ${this.frames.map((one) => one.event).join(', ')}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
        this.socket.once('close', () => resolve())
      })
      if (this.socket.readyState === WebSocket.CLOSED && this.frames.length === 0) {
        throw new Error(`closed while waiting for ${event}`)
      }
    }
  }

  /** Resolves once every frame that the portal has sent before this call has arrived. */
  async settled(): Promise<void> {
    const ref = this.send('heartbeat', {}, 'phoenix')
    await this.next('phx_reply', (frame) => frame.ref === ref)
  }

  close(): void {
    this.socket.terminate()
  }
}

/** A made-up public key that follows from a name. */
export const keyOf = (name: string): string => Buffer.alloc(32, `key of ${name} `).toString('base64')

/** A made-up device key that follows from a name. */
export const deviceKeyOf = (name: string): Ed25519PrivateKey =>
  new Ed25519PrivateKey(Buffer.alloc(32, `device key of ${name} `))
