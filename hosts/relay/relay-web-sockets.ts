import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import type { Clock } from '../../core/runtime/clock.ts'
import { sourceOf as networkOf } from '../../core/net/rate-limiter.ts'
import { after, SECOND } from '../../core/runtime/time.ts'
import { BinaryFrameReader } from '../runtime/binary-frame-reader.ts'
import { BinaryFrames } from '../runtime/binary-frames.ts'
import { Gathered } from '../runtime/gathered.ts'
import type { AttachedStream, RelayStream } from './relay-streams.ts'
import { SocketPace } from './socket-pace.ts'

export interface RelayWebSocketsOptions {
  /** Adds a client to the relay. */
  attach: (stream: RelayStream) => AttachedStream
  clock: Clock
  /** Returns the address that a request comes from; by default that of its socket. */
  sourceOf?: (request: IncomingMessage) => string
  limits?: Partial<RelayWebSocketLimits>
}

export interface RelayWebSocketLimits {
  /** Most sockets. */
  total: number
  /** Most sockets without an allocation: those of strangers among them. */
  strangers: number
  /** Most sockets without an allocation from one address, or IPv6 network of 64 bits. */
  strangersPerSource: number
  /** Most messages of a socket without an allocation: asking for one takes some three. */
  strangerMessages: number
}

const DEFAULT_LIMITS: RelayWebSocketLimits = {
  total: 10_000,
  strangers: 256,
  strangersPerSource: 64,
  strangerMessages: 64,
}
/** Time for a client to prove its credentials by an allocation. */
const PROOF_MS = 10 * SECOND
/** Interval of pings, below the 60 s after which reverse proxies close an idle connection. */
const PING_MS = 25 * SECOND
/** Longest message: ChannelData with the largest UDP datagram of an Ethernet with jumbo frames. */
const MAX_MESSAGE_BYTES = 9_216

/**
 * WebSockets of clients whose network lets no UDP through: each binary message is one STUN, TURN or ChannelData message.
 * A socket without an allocation, or whose allocation has ended, is closed after seconds or a few messages, and no page in
 * a browser gets in.
 */
export class RelayWebSockets {
  readonly #options: RelayWebSocketsOptions
  readonly #limits: RelayWebSocketLimits
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    // Pongs would pile up for a client that pings and does not read.
    autoPong: false,
  })
  /** Sources of sockets without an allocation. */
  readonly #strangers = new Map<WebSocket, string>()
  #refused = 0

  constructor(options: RelayWebSocketsOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
  }

  /** Number of open sockets. */
  get size(): number {
    return this.#server.clients.size
  }

  /** Number of requests that were refused. */
  get refused(): number {
    return this.#refused
  }

  /** Serves the upgrades of an HTTP server that does nothing else, at whatever path. */
  serve(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head))
  }

  /** Handles one request for an upgrade. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const source = networkOf((this.#options.sourceOf ?? addressOf)(request))
    const why = this.#whyRefused(request, source)
    if (why !== undefined) {
      this.#refused++
      return refuse(socket, why)
    }
    this.#server.handleUpgrade(request, socket, head, (opened) => this.#open(opened, socket, source))
  }

  /** Ends all sockets; clients come back by themselves. */
  closeAll(): void {
    for (const socket of this.#server.clients) {
      socket.close(1001, 'the relay stops')
      socket.terminate()
    }
  }

  #whyRefused({ headers }: IncomingMessage, source: string): string | undefined {
    // RFC 6455 §10.2: only browsers send it, for whichever page asks.
    if (headers.origin !== undefined) return '403 Forbidden'
    const { total, strangers, strangersPerSource } = this.#limits
    const ofSource = [...this.#strangers.values()].filter((one) => one === source).length
    const isFull = this.size >= total || this.#strangers.size >= strangers || ofSource >= strangersPerSource
    return isFull ? '503 Service Unavailable' : undefined
  }

  #open(socket: WebSocket, connection: Duplex, source: string): void {
    const { attach, clock } = this.#options
    const life = new SocketLife(socket, clock)
    const pace = new SocketPace(socket)
    let messages = 0
    let cancelProof: () => void = () => undefined
    const allocationChanged = (hasAllocation: boolean): void => {
      cancelProof()
      messages = 0
      if (hasAllocation) this.#strangers.delete(socket)
      else {
        this.#strangers.set(socket, source)
        cancelProof = clock.wake(after(clock.now(), PROOF_MS), () => socket.terminate())
      }
    }
    allocationChanged(false)
    const frames = new BinaryFrames(connection, 'none')
    const stream = attach({
      send: (bytes) => {
        if (socket.readyState === socket.OPEN) frames.add(bytes)
      },
      waitingBytes: () => frames.waitingBytes,
      allocationChanged,
    })
    const arrived = new Gathered<Uint8Array>((batch) => stream.received(batch))
    connection.on('drain', () => stream.drained())
    const take = (batch: readonly Uint8Array[]): void => {
      for (const message of batch) {
        // One read brings many messages: those behind the one that ended the socket are here already.
        if (socket.readyState !== socket.OPEN) return
        life.heard()
        pace.took()
        const isStranger = this.#strangers.has(socket)
        if (isStranger && ++messages > this.#limits.strangerMessages) return socket.terminate()
        arrived.add(message)
        // Whether it still is one counts for the next message.
        if (isStranger) arrived.flush()
      }
    }
    BinaryFrameReader.attach(connection, { isMasked: true, maxBytes: MAX_MESSAGE_BYTES, take })
    // Only what the reader leaves to the library.
    socket.on('message', (data, isBinary) => {
      if (isBinary) take([bytesOf(data)])
      else if (socket.readyState === socket.OPEN) socket.close(1003)
    })
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      arrived.flush()
      cancelProof()
      life.end()
      this.#strangers.delete(socket)
      stream.ended()
    })
  }
}

/** Keeps a socket alive by pings, and ends it when none is answered. */
class SocketLife {
  readonly #socket: WebSocket
  readonly #clock: Clock
  #isHeard = true
  #cancel: () => void = () => undefined

  constructor(socket: WebSocket, clock: Clock) {
    this.#socket = socket
    this.#clock = clock
    socket.on('pong', () => this.heard())
    this.#pingLater()
  }

  heard(): void {
    this.#isHeard = true
  }

  end(): void {
    this.#cancel()
  }

  #pingLater(): void {
    this.#cancel = this.#clock.wake(after(this.#clock.now(), PING_MS), () => {
      if (!this.#isHeard) return this.#socket.terminate()
      this.#isHeard = false
      this.#socket.ping()
      this.#pingLater()
    })
  }
}

/** Returns a socket's address; IPv4 as such, also where a listener of both families writes it as IPv6. */
const addressOf = ({ socket }: IncomingMessage): string =>
  (socket.remoteAddress ?? '').replace(/^::ffff:(?=[\d.]+$)/, '')

const refuse = (socket: Duplex, status: string): void => {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

const bytesOf = (data: RawData): Uint8Array => {
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  return Array.isArray(data) ? Buffer.concat(data) : data
}
