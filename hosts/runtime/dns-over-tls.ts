import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls'
import { isAnswerTo } from '../../core/dns/message.ts'
import type { Settle } from './dns-settle.ts'
import { framed, StreamMessages } from './dns-stream.ts'
import { failure } from './failure.ts'
import { openStream } from './outgoing-socket.ts'
import { TrustedCertificates } from './trusted-certificates.ts'

/** Time for which a connection without queries is kept open. RFC 7858 §3.4 */
const IDLE_MS = 10_000
/** Maximum of queries in flight on one connection; a further query opens another. */
const MAX_QUERIES = 256
/** Maximum of unsolicited messages between two answers, after which the connection is closed. */
const MAX_UNSOLICITED_MESSAGES = 256
/** Maximum of open connections; beyond, the least recently used is closed, or forgotten while it has queries. */
const MAX_CONNECTIONS = 32

interface Server {
  address: string
  port: number
  serverName: string
  mark: number | undefined
}

/** DNS over TLS (RFC 7858), client side: queries to one server share a connection and may be answered in any order. */
export class TlsDnsConnections {
  readonly #trusted: TrustedCertificates
  /** Open connections by server, least recently used first. */
  readonly #connections = new Map<string, Connection>()

  constructor(ca: string | undefined) {
    this.#trusted = new TrustedCertificates({ only: ca })
  }

  /** Sends a query and returns a function that gives it up. The result goes to `settle`. */
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
        // A server may close an idle connection just as the query is sent; that is no failure of the server.
        if (kept.hasReceived && 'code' in error && BROKEN.has(String(error.code))) {
          giveUp = this.#open(key, server).ask(query, settle)
        } else settle.failed(error)
      },
    })
    return () => giveUp()
  }

  #open(key: string, to: Server): Connection {
    const connection = new Connection(to, this.#trusted.context())
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
  /** Queries in flight, by their id on the wire. */
  readonly #queries = new Map<number, { query: Buffer; settle: Settle }>()
  /** Ids of queries given up, whose answers may still arrive. */
  readonly #abandoned = new Set<number>()
  /** Number of chunks received, to tell whether anything arrived during a query. */
  #received = 0
  /** Unsolicited messages since the last answer. */
  #unsolicited = 0
  #ended = false
  /** Whether further queries may be sent over this connection. */
  isUsable = true

  constructor({ address, port, serverName, mark }: Server, secureContext: SecureContext) {
    const stream = openStream({ address, port, mark })
    // The TLS socket does not report errors that happen before it has taken over.
    stream.on('error', (error) => this.#end(error))
    const socket = connectTls({
      socket: stream,
      // RFC 6066 §3: an address is no server name; the certificate is checked for it nevertheless.
      servername: isIP(serverName) === 0 ? serverName : '',
      host: serverName,
      minVersion: 'TLSv1.2',
      secureContext,
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

  /** Number of queries in flight. */
  get size(): number {
    return this.#queries.size
  }

  get hasReceived(): boolean {
    return this.#received > 0
  }

  /** Sends a query under an unused id, which the answer has, too. Returns a function that gives the query up. */
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
      // Nothing was received during the query: the path may be broken, so the next query opens a new connection.
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
    if (asked === undefined) return this.#onUnsolicited()
    this.#queries.delete(id)
    this.#rest()
    if (isAnswerTo(asked.query, message)) {
      this.#unsolicited = 0
      asked.settle.answered(new Uint8Array(message))
      return
    }
    asked.settle.failed(failure('EBADMSG', 'the message received is not an answer to the query'))
    this.#onUnsolicited()
  }

  /**
   * Ignores an unsolicited message, as servers repeat answers and other queries are in flight; too many end the
   * connection.
   */
  #onUnsolicited(): void {
    if (++this.#unsolicited > MAX_UNSOLICITED_MESSAGES)
      this.#end(failure('EBADMSG', 'the server sent too many messages that answer no query'))
  }

  /** Lets the process exit while no query is in flight, and closes the connection if it takes no more queries. */
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
