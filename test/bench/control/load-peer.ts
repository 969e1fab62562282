import { connect, type Socket } from 'node:net'
import { reconnectDelayMs, retryAfterMs } from '../../../core/control/backoff.ts'
import { unixTime } from '../../../core/runtime/time.ts'
import { createRandom } from '../../../hosts/runtime/index.ts'

export interface LoadPeerOptions {
  url: URL
  role: 'client' | 'gateway'
  token: string
  externalId: string
  publicKey: string
  /** Loopback address that it connects from. */
  localAddress: string
  onEvent: (peer: LoadPeer, event: string, payload: unknown) => void
  onRefused: (status: string) => void
}

const HEARTBEAT_MS = 10_000
const random = createRandom()
const NO_MASK = Buffer.alloc(4)

/**
 * A client or gateway with as little of its own as possible, so that ten thousand fit into a process: it connects,
 * joins, keeps the connection alive, and comes back after it was lost as the product's peers do.
 */
export class LoadPeer {
  readonly #options: LoadPeerOptions
  #socket: Socket | undefined
  #received: Buffer = Buffer.alloc(0)
  #isOpen = false
  #attempt = 0
  #beat: NodeJS.Timeout | undefined
  #joined: (() => void)[] = []
  isJoined = false

  constructor(options: LoadPeerOptions) {
    this.#options = options
  }

  get externalId(): string {
    return this.#options.externalId
  }

  /** Connects, again and again if it is refused; resolves once it has joined. */
  async join(): Promise<void> {
    const joined = this.joined()
    this.#connect()
    return joined
  }

  /** Resolves once it has joined. */
  async joined(): Promise<void> {
    if (this.isJoined) return
    return new Promise((resolve) => this.#joined.push(resolve))
  }

  /** Disconnects, and resolves when the connection is closed. */
  async leave(): Promise<void> {
    const socket = this.#socket
    this.#lost()
    await new Promise<void>((resolve) => {
      if (socket === undefined) return resolve()
      socket.once('close', () => resolve())
      socket.end()
    })
  }

  send(event: string, payload: unknown, topic: string = this.#options.role): void {
    this.#sendFrame(0x1, Buffer.from(JSON.stringify({ topic, event, payload, ref: 1 })))
  }

  #connect(): void {
    const { url, role, token, externalId, publicKey, localAddress } = this.#options
    const query = new URLSearchParams({ external_id: externalId, name: externalId, public_key: publicKey })
    const socket = connect({ host: url.hostname, port: Number(url.port), localAddress })
    this.#socket = socket
    this.#received = Buffer.alloc(0)
    socket.setNoDelay(true)
    socket.write(
      [
        `GET /${role}/v2/websocket?${query.toString()} HTTP/1.1`,
        `Host: ${url.host}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
        `User-Agent: Debian/12.0.0 ${role === 'client' ? 'headless-client' : 'gateway'}/0.1.0 (x86_64; 6.1.0)`,
        `X-Authorization: Bearer ${token}`,
        '\r\n',
      ].join('\r\n'),
    )
    socket.on('data', (data) => this.#take(socket, data))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#lost()
      this.#again()
    })
  }

  #again(waitMs?: number): void {
    const delay = waitMs ?? reconnectDelayMs(this.#attempt++, random)
    setTimeout(() => this.#connect(), delay)
  }

  #lost(): void {
    clearInterval(this.#beat)
    this.#socket = undefined
    this.#isOpen = false
    this.isJoined = false
  }

  #take(socket: Socket, data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data])
    if (!this.#isOpen && !this.#takeHead(socket)) return
    while (this.#socket === socket && this.#takeFrame());
  }

  /** Takes the answer to the upgrade; returns whether the connection is open. */
  #takeHead(socket: Socket): boolean {
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return false
    const head = this.#received.toString('latin1', 0, end)
    this.#received = this.#received.subarray(end + 4)
    if (!head.startsWith('HTTP/1.1 101')) {
      this.#options.onRefused(head.slice(9, 12))
      this.#lost()
      socket.destroy()
      this.#again(retryAfterMs(/^retry-after: (.*)$/im.exec(head)?.[1], unixTime(Date.now())))
      return false
    }
    this.#isOpen = true
    this.send('phx_join', null)
    return true
  }

  /** Takes one frame of the server's (RFC 6455 §5.2, unmasked); returns whether there was a whole one. */
  #takeFrame(): boolean {
    const bytes = this.#received
    if (bytes.length < 2) return false
    const [opcode, short] = [bytes.readUInt8(0) & 0xf, bytes.readUInt8(1) & 0x7f]
    const start = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < start) return false
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    if (bytes.length < start + length) return false
    const payload = bytes.subarray(start, start + length)
    // A copy, so that no client holds on to the larger buffer that it was read into.
    this.#received = bytes.length === start + length ? EMPTY : Buffer.from(bytes.subarray(start + length))
    if (opcode === 0x9) this.#sendFrame(0xa, payload)
    else if (opcode === 0x8) this.#socket?.end()
    else if (opcode === 0x1) this.#heard(payload)
    return true
  }

  #heard(payload: Buffer): void {
    // Parsed only as far as somebody wants it: an `init` has a hundred resources.
    const text = payload.toString('utf8')
    const event = /"event":"(\w+)"/.exec(text)?.[1] ?? ''
    if (event === 'init') {
      this.isJoined = true
      this.#attempt = 0
      this.#beat = setInterval(() => this.send('heartbeat', {}, 'phoenix'), HEARTBEAT_MS)
      for (const tell of this.#joined.splice(0)) tell()
    } else if (event !== 'phx_reply') {
      this.#options.onEvent(this, event, (JSON.parse(text) as { payload: unknown }).payload)
    }
  }

  #sendFrame(opcode: number, payload: Buffer): void {
    const { length } = payload
    const head =
      length < 126
        ? Buffer.from([0x80 | opcode, 0x80 | length])
        : Buffer.from([0x80 | opcode, 0xfe, length >> 8, length & 0xff])
    // A key of zeros masks nothing (§5.3): there is no proxy here that it protects.
    this.#socket?.write(Buffer.concat([head, NO_MASK, payload]))
  }
}

const EMPTY = Buffer.alloc(0)
