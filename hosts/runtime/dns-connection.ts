import type { Socket } from 'node:net'
import { framed, StreamMessages } from './dns-stream.ts'

/** Maximum of queries whose answers are not written yet; until one is, further queries are not read from the socket. */
const MAX_WAITING_QUERIES = 16
const MAX_MESSAGE_BYTES = 0xffff

export interface DnsConnectionOptions {
  /** Canonical IP address of the DNS client. */
  peer: string
  /** Idle timeout in ms, restarted by each complete query and each answer written. RFC 7766 §6.2.3 */
  idleMs: number
  /** Called for each query; the message is a copy and belongs to the callee. */
  onQuery: (message: Uint8Array) => void
  onClose: () => void
}

/**
 * Server side of one DNS connection over TCP. A query counts as waiting until its answer is written to the kernel, so
 * that a client that sends queries and reads no answers is slowed down instead of filling the memory.
 */
export class DnsConnection {
  readonly peer: string
  readonly #socket: Socket
  readonly #onQuery: (message: Uint8Array) => void
  readonly #messages = new StreamMessages()
  readonly #idle: NodeJS.Timeout
  #waiting = 0
  #isReading = false
  #hasEnded = false
  static #uses = 0
  #usedAt = ++DnsConnection.#uses

  constructor(socket: Socket, { peer, idleMs, onQuery, onClose }: DnsConnectionOptions) {
    this.peer = peer
    this.#socket = socket
    this.#onQuery = onQuery
    this.#idle = setTimeout(() => socket.destroy(), idleMs)
    socket.on('close', () => {
      clearTimeout(this.#idle)
      onClose()
    })
    socket.on('data', (chunk: Buffer) => {
      this.#messages.add(chunk)
      this.#read()
    })
    socket.on('end', () => {
      this.#hasEnded = true
      this.#read()
    })
    socket.on('drain', () => this.#read())
  }

  /** Whether no query waits for its answer. */
  get isIdle(): boolean {
    return this.#waiting === 0
  }

  /**
   * Sequence number of the last complete query or written answer; the lowest of all connections was idle for the
   * longest.
   */
  get usedAt(): number {
    return this.#usedAt
  }

  answer(message: Uint8Array): void {
    if (message.length > MAX_MESSAGE_BYTES || this.#socket.destroyed) return
    this.#socket.write(framed(message), () => {
      this.#waiting = Math.max(0, this.#waiting - 1)
      this.#use()
      this.#read()
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Passes on queries until `MAX_WAITING_QUERIES` wait, and pauses the socket while no more may. */
  #read(): void {
    // `onQuery` may answer at once, which calls this method again.
    if (this.#isReading || this.#socket.destroyed) return
    this.#isReading = true
    while (this.#mayAsk) {
      const message = this.#messages.take()
      if (message === undefined) break
      this.#waiting++
      this.#use()
      this.#onQuery(new Uint8Array(message))
    }
    this.#isReading = false
    if (this.#mayAsk) this.#socket.resume()
    else this.#socket.pause()
    if (this.#hasEnded && this.#waiting === 0 && !this.#messages.hasWhole) this.#socket.end()
  }

  get #mayAsk(): boolean {
    return this.#waiting < MAX_WAITING_QUERIES && !this.#socket.writableNeedDrain
  }

  #use(): void {
    this.#usedAt = ++DnsConnection.#uses
    this.#idle.refresh()
  }
}
