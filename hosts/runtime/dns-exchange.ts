import { randomBytes } from 'node:crypto'
import { isAnswerTo } from '../../core/dns/message.ts'
import type { DnsExchange, DnsExchangeRequest } from '../../core/runtime/dns-exchange.ts'
import { splitEndpoint } from '../../core/runtime/endpoint.ts'
import { TlsDnsConnections } from './dns-over-tls.ts'
import type { Settle } from './dns-settle.ts'
import { framed, StreamMessages } from './dns-stream.ts'
import { failure } from './failure.ts'
import { openDatagram, openStream, type MarkFor } from './outgoing-socket.ts'

const HEADER_BYTES = 12
const MAX_MESSAGE_BYTES = 0xffff
/** Maximum of queries in flight, as each may hold a socket; further queries fail with EBUSY. */
const MAX_EXCHANGES = 1024

export interface DnsExchangeOptions {
  /** Returns the SO_MARK of each socket; by default no socket is marked. */
  markFor?: MarkFor
  /** Certificates (PEM) to trust instead of the built-in roots. */
  ca?: string
}

/**
 * DNS client over UDP, TCP and TLS. Every query over UDP or TCP has a socket of its own, hence a random port, and a
 * random id in place of the application's (RFC 5452 §4.5, §9.2). TLS connections are shared and kept for a while.
 */
export class SocketDnsExchange implements DnsExchange {
  readonly #markFor: MarkFor
  readonly #tls: TlsDnsConnections
  #open = 0

  constructor({ markFor = () => undefined, ca }: DnsExchangeOptions = {}) {
    this.#markFor = markFor
    this.#tls = new TlsDnsConnections(ca)
  }

  async send(request: DnsExchangeRequest): Promise<Uint8Array> {
    const { message } = request
    if (message.length < HEADER_BYTES || message.length > MAX_MESSAGE_BYTES) throw failure('EINVAL', 'not a DNS query')
    if (this.#open >= MAX_EXCHANGES) throw failure('EBUSY', 'too many DNS queries at once')
    const query = Buffer.from(message)
    randomBytes(2).copy(query)
    this.#open++
    try {
      const answer = await exchange(request, query, this.#carry(request))
      answer.set(message.subarray(0, 2))
      return answer
    } finally {
      this.#open--
    }
  }

  #carry({ server, protocol, serverName }: DnsExchangeRequest): Carry {
    const parts = splitEndpoint(server)
    if (parts === undefined) throw failure('EINVAL', 'not an address and a port')
    const { address, port } = parts
    const mark = this.#markFor({ address, port, protocol: protocol === 'udp' ? 'udp' : 'tcp' })
    const to = { address, port, mark }
    if (protocol === 'udp') return overUdp(to)
    if (protocol === 'tcp') return overTcp(to)
    if (serverName === undefined) throw failure('EINVAL', 'DNS over TLS needs the name of the server')
    return (query, settle) => this.#tls.ask({ ...to, serverName }, query, settle)
  }
}

/** Sends a query and returns a function that closes its socket or gives the query up. */
type Carry = (query: Buffer, settle: Settle) => () => void

const exchange = ({ timeoutMs, signal }: DnsExchangeRequest, query: Buffer, carry: Carry): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    let close = (): void => undefined
    let settled = false
    const settle = (finish: () => void): void => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      close()
      finish()
    }
    const failed = (error: Error): void => {
      settle(() => reject(error))
    }
    const onAbort = (): void => {
      failed(failure('ABORT_ERR', 'the query was given up'))
    }
    const timer = setTimeout(() => {
      failed(failure('ETIMEDOUT', `no answer within ${timeoutMs} ms`))
    }, timeoutMs)
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted === true) {
      onAbort()
      return
    }
    try {
      close = carry(query, {
        answered: (bytes) => {
          settle(() => resolve(bytes))
        },
        failed,
      })
    } catch (error) {
      failed(error instanceof Error ? error : new Error(String(error)))
    }
  })

interface To {
  address: string
  port: number
  mark: number | undefined
}

const overUdp =
  ({ address, port, mark }: To): Carry =>
  (query, { answered, failed }) => {
    const socket = openDatagram({ address, mark })
    let open = true
    socket.on('error', failed)
    socket.on('message', (bytes) => {
      // RFC 5452 §9.1: anybody may send a forged datagram, so a mismatch is ignored and the true answer awaited.
      if (isAnswerTo(query, bytes)) answered(new Uint8Array(bytes))
    })
    // On a connected socket the kernel drops datagrams of other senders and reports a closed port as ECONNREFUSED.
    socket.on('connect', () => {
      if (open) socket.send(query)
    })
    socket.connect(port, address)
    return () => {
      open = false
      socket.close()
    }
  }

const overTcp =
  (to: To): Carry =>
  (query, { answered, failed }) => {
    const socket = openStream(to)
    const messages = new StreamMessages()
    socket.on('error', failed)
    socket.on('close', () => {
      failed(failure('ECONNRESET', 'the connection ended before the answer'))
    })
    socket.on('connect', () => {
      socket.write(framed(query))
    })
    socket.on('data', (chunk: Buffer) => {
      messages.add(chunk)
      const answer = messages.take()
      if (answer === undefined) return
      if (isAnswerTo(query, answer)) answered(new Uint8Array(answer))
      else failed(failure('EBADMSG', 'the message received is not an answer to the query'))
    })
    return () => {
      socket.destroy()
    }
  }
