import type { Socket } from 'node:net'
import { framed, StreamMessages } from './dns-stream.ts'

/** Queries whose answers are not written yet; those that come after them stay in the kernel until one is. */
const MAX_WAITING_QUERIES = 16
const MAX_MESSAGE_BYTES = 0xffff

export interface DnsConnectionOptions {
  /** Whose it is: canonical. */
  peer: string
  /** RFC 7766 §6.2.3: how long it stays open without a whole query and without an answer that is taken. */
  idleMs: number
  /** The message is a copy. */
  onQuery: (message: Uint8Array) => void
  onClose: () => void
}

/**
 * One connection of somebody who asks. Who asks faster than it reads is read more slowly: a query waits until its answer is with the kernel, not
 * only until there is one, or an asker that takes no answers would fill the memory with them.
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

  /** Whether no query waits. */
  get isIdle(): boolean {
    return this.#waiting === 0
  }

  /** When it last had a whole query or took an answer, as a number that counts up. */
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

  /** Hands on as many queries as may wait, and reads more only where all were. */
  #read(): void {
    // Answers may come while a query is handed on.
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
