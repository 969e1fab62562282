import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createConnection } from 'node:net'
import { splitEndpoint } from '../../core/runtime/endpoint.ts'
import type { DnsExchange, DnsExchangeRequest } from '../../core/runtime/dns-exchange.ts'

const HEADER_BYTES = 12
const TYPE_AND_CLASS_BYTES = 4
const LARGEST_MESSAGE = 0xffff
/** Beyond it a query is refused at once: each holds a socket. */
const MOST_EXCHANGES = 1024

/**
 * DNS over ordinary sockets: for each query one of its own, so that the port is a fresh random one, with an id of our own
 * (RFC 5452 §4.5, §9.2), whatever the application's was.
 */
export class SocketDnsExchange implements DnsExchange {
  #open = 0

  async send(request: DnsExchangeRequest): Promise<Uint8Array> {
    const { message } = request
    if (message.length < HEADER_BYTES || message.length > LARGEST_MESSAGE) throw failure('EINVAL', 'not a DNS query')
    if (this.#open >= MOST_EXCHANGES) throw failure('EBUSY', 'too many DNS queries at once')
    const query = Buffer.from(message)
    randomBytes(2).copy(query)
    this.#open++
    try {
      const answer = await exchange(request, query)
      answer.set(message.subarray(0, 2))
      return answer
    } finally {
      this.#open--
    }
  }
}

/** A wire that is being opened: how to end it, whatever happened. */
type Carry = (query: Buffer, settle: Settle) => () => void

interface Settle {
  answered: (bytes: Uint8Array) => void
  failed: (error: Error) => void
}

const exchange = ({ server, protocol, timeoutMs, signal }: DnsExchangeRequest, query: Buffer): Promise<Uint8Array> =>
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
    const parts = splitEndpoint(server)
    if (parts === undefined) {
      failed(failure('EINVAL', 'not an address and a port'))
      return
    }
    const carry = protocol === 'udp' ? overUdp(parts) : overTcp(parts)
    close = carry(query, {
      answered: (bytes) => {
        settle(() => resolve(bytes))
      },
      failed,
    })
  })

const overUdp =
  ({ address, port, family }: { address: string; port: number; family: string }): Carry =>
  (query, { answered, failed }) => {
    const socket = createSocket(family === 'ipv4' ? 'udp4' : 'udp6')
    let open = true
    socket.on('error', failed)
    socket.on('message', (bytes) => {
      // Anybody may send: what is not the answer is passed over, and the true one may still come (RFC 5452 §9.1).
      if (isAnswer(query, bytes)) answered(new Uint8Array(bytes))
    })
    // Connected: the kernel drops what comes from elsewhere and reports a closed port as ECONNREFUSED.
    socket.on('connect', () => {
      if (open) socket.send(query)
    })
    socket.connect(port, address)
    return () => {
      open = false
      socket.close()
    }
  }

// RFC 7766 §8: two bytes of length before each message.
const overTcp =
  ({ address, port }: { address: string; port: number }): Carry =>
  (query, { answered, failed }) => {
    const socket = createConnection({ host: address, port, noDelay: true })
    let received = Buffer.alloc(0)
    socket.on('error', failed)
    socket.on('close', () => {
      failed(failure('ECONNRESET', 'the connection ended before the answer'))
    })
    socket.on('connect', () => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(query.length)
      socket.write(Buffer.concat([length, query]))
    })
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const answer = received.subarray(2, 2 + received.readUInt16BE(0))
      if (isAnswer(query, answer)) answered(new Uint8Array(answer))
      else failed(failure('EBADMSG', 'what came is not an answer to the query'))
    })
    return () => {
      socket.destroy()
    }
  }

/** Rcodes with which a server may leave the question out: it could not read it, or did not want to. */
const WITHOUT_QUESTION = new Set([1, 2, 4, 5])

/** Whether `answer` is a response with the query's id and question; names are compared without case (RFC 1035 §2.3.3). */
export const isAnswer = (query: Uint8Array, answer: Uint8Array): boolean => {
  if (answer.length < HEADER_BYTES || query.length < HEADER_BYTES) return false
  if (answer[0] !== query[0] || answer[1] !== query[1]) return false
  const response = ((answer[2] ?? 0) & 0x80) !== 0
  const sameOpcode = (((answer[2] ?? 0) ^ (query[2] ?? 0)) & 0x78) === 0
  if (!response || !sameOpcode) return false
  const questions = ((answer[4] ?? 0) << 8) | (answer[5] ?? 0)
  if (questions === 0 && answer.length === HEADER_BYTES) return WITHOUT_QUESTION.has((answer[3] ?? 0) & 0x0f)
  const end = endOfQuestion(query)
  if (end === undefined || questions !== 1 || answer.length < end) return false
  for (let at = HEADER_BYTES; at < end; at++) {
    const inName = at < end - TYPE_AND_CLASS_BYTES
    const [asked, answered] = [query[at] ?? 0, answer[at] ?? 0]
    if (inName ? lowerCase(asked) !== lowerCase(answered) : asked !== answered) return false
  }
  return true
}

// A question's name is never compressed: there is nothing before it to point to.
const endOfQuestion = (message: Uint8Array): number | undefined => {
  let at = HEADER_BYTES
  for (let length = message[at]; length !== undefined && length <= 63; length = message[at]) {
    at += 1 + length
    if (length === 0) return at + TYPE_AND_CLASS_BYTES <= message.length ? at + TYPE_AND_CLASS_BYTES : undefined
  }
  return undefined
}

// Lengths of labels are below the letters.
const lowerCase = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte)

const failure = (code: string, message: string): Error => Object.assign(new Error(message), { code })
