import { randomBytes } from 'node:crypto'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { isAnswerTo } from '../../core/dns/message.ts'
import type { Settle } from './dns-settle.ts'
import { framed, StreamMessages } from './dns-stream.ts'
import { failure } from './failure.ts'
import { openStream } from './outgoing-socket.ts'
import { TrustedCertificates } from './trusted-certificates.ts'

/** RFC 7858 §3.4: connections are kept for the next query, but not for long. */
const IDLE_MS = 10_000
/** Of one connection; the next one takes another. */
const MAX_QUERIES = 256
/** Messages that nobody asked for, between two answers: what a server can make us read. */
const MAX_UNASKED_MESSAGES = 256
/** The one that was idle for the longest makes way. */
const MAX_CONNECTIONS = 32

interface Server {
  address: string
  port: number
  serverName: string
  mark: number | undefined
}

/** DNS over TLS (RFC 7858): queries to one server share a connection, in flight together and answered in any order. */
export class TlsDnsConnections {
  readonly #ca: string | undefined
  readonly #trusted = new TrustedCertificates()
  /** Least recently used first. */
  readonly #connections = new Map<string, Connection>()

  constructor(ca: string | undefined) {
    this.#ca = ca
  }

  /** Gives back how to give up on the query. */
  ask(server: Server, query: Buffer, settle: Settle): () => void {
    const key = [server.address, server.port, server.serverName, server.mark].join(' ')
    const kept = this.#connections.get(key)
    if (kept?.isUsable !== true || kept.size >= MAX_QUERIES) {
      return this.#open(key, server).ask(query, settle)
    }
    this.#connections.delete(key)
    this.#connections.set(key, kept)
    let giveUp = kept.ask(query, {
      answered: settle.answered,
      failed: (error) => {
        // The server closed it just when we asked: that says nothing of the server.
        if (kept.hasReceived && 'code' in error && BROKEN.has(String(error.code))) {
          giveUp = this.#open(key, server).ask(query, settle)
        } else settle.failed(error)
      },
    })
    return () => giveUp()
  }

  #open(key: string, to: Server): Connection {
    const trust = this.#ca === undefined ? { secureContext: this.#trusted.context() } : { ca: this.#ca }
    const connection = new Connection(to, trust)
    this.#connections.delete(key)
    this.#connections.set(key, connection)
    for (const [oldest, { size }] of this.#connections) {
      if (this.#connections.size <= MAX_CONNECTIONS) break
      if (size === 0) this.#connections.get(oldest)?.close()
      this.#connections.delete(oldest)
    }
    return connection
  }
}

const BROKEN = new Set(['ECONNRESET', 'EPIPE'])

class Connection {
  readonly #socket: TLSSocket
  /** By the id on the wire. */
  readonly #queries = new Map<number, { query: Buffer; settle: Settle }>()
  /** Ids of queries that were given up, whose answers may still come. */
  readonly #abandoned = new Set<number>()
  /** Counts what came, so that silence can be told. */
  #received = 0
  /** Messages that answer nothing, since the last that did. */
  #unasked = 0
  #ended = false
  /** Whether it takes more queries. */
  isUsable = true

  constructor({ address, port, serverName, mark }: Server, trust: Pick<ConnectionOptions, 'ca' | 'secureContext'>) {
    const stream = openStream({ address, port, mark })
    // An error before the TLS layer has taken over.
    stream.on('error', (error) => this.#end(error))
    const socket = connectTls({
      socket: stream,
      servername: serverName,
      host: serverName,
      minVersion: 'TLSv1.2',
      ...trust,
    })
    this.#socket = socket
    socket.setTimeout(IDLE_MS, () => {
      if (this.#queries.size === 0) this.close()
    })
    socket.on('error', (error) => this.#end(error))
    socket.on('close', () => this.#end(failure('ECONNRESET', 'the connection ended before the answer')))
    const messages = new StreamMessages()
    socket.on('data', (chunk: Buffer) => {
      this.#received++
      messages.add(chunk)
      for (let message = messages.take(); message !== undefined; message = messages.take()) {
        if (this.#ended) return
        this.#onMessage(message)
      }
    })
  }

  /** How many queries are in flight. */
  get size(): number {
    return this.#queries.size
  }

  get hasReceived(): boolean {
    return this.#received > 0
  }

  /** The query's id is replaced by one that is free here, and stands in the answer. */
  ask(query: Buffer, settle: Settle): () => void {
    const id = this.#freeId()
    const sent = Buffer.from(query)
    sent.writeUInt16BE(id)
    this.#queries.set(id, { query: sent, settle })
    this.#socket.ref()
    this.#socket.write(framed(sent))
    const receivedBefore = this.#received
    return () => {
      if (!this.#queries.delete(id)) return
      this.#abandoned.add(id)
      // Nothing came all the while: the way to the server may be gone, and the next query finds out over a connection of its own.
      if (this.#received === receivedBefore || this.#abandoned.size >= MAX_QUERIES) this.isUsable = false
      this.#rest()
    }
  }

  close(): void {
    this.#end(failure('ECONNRESET', 'the connection was closed'))
  }

  #onMessage(message: Buffer): void {
    const id = message.length < 2 ? -1 : message.readUInt16BE(0)
    if (this.#abandoned.delete(id)) return
    const asked = this.#queries.get(id)
    if (asked === undefined) return this.#onUnasked()
    this.#queries.delete(id)
    this.#rest()
    if (isAnswerTo(asked.query, message)) {
      this.#unasked = 0
      asked.settle.answered(new Uint8Array(message))
      return
    }
    asked.settle.failed(failure('EBADMSG', 'what came is not an answer to the query'))
    this.#onUnasked()
  }

  /** Passed over: a server may say a thing twice, and the other queries have nothing to do with it. */
  #onUnasked(): void {
    if (++this.#unasked > MAX_UNASKED_MESSAGES) this.#end(failure('EBADMSG', 'too much came that nobody asked for'))
  }

  /** Without queries it keeps no process alive. */
  #rest(): void {
    if (this.#queries.size > 0) return
    if (this.isUsable) this.#socket.unref()
    else this.close()
  }

  #end(error: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.isUsable = false
    this.#socket.destroy()
    const queries = [...this.#queries.values()]
    this.#queries.clear()
    for (const { settle } of queries) settle.failed(error)
  }

  #freeId(): number {
    for (;;) {
      const id = randomBytes(2).readUInt16BE(0)
      if (!this.#queries.has(id) && !this.#abandoned.has(id)) return id
    }
  }
}
