import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { encode, RECURSION_DESIRED } from 'dns-packet'
import { expect } from 'chai'
import { afterEach, describe, it } from 'mocha'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { createDnsExchange } from '../../../hosts/runtime/index.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const question = (name: string) =>
  new Uint8Array(
    encode({ type: 'query', id: 0x1234, flags: RECURSION_DESIRED, questions: [{ type: 'A', name, class: 'IN' }] }),
  )

/** Turns a query into an answer without records, with the question unchanged. */
const answerTo = (query: Uint8Array, change: (bytes: Buffer) => Buffer = (bytes) => bytes): Buffer => {
  const answer = Buffer.from(query)
  answer[2] = 0x81
  answer[3] = 0x80
  return change(answer)
}

describe('the DNS exchange', () => {
  const closers: (() => void)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  const udpServer = async (reply: (query: Buffer, send: (bytes: Buffer) => void, socket: Socket) => void) => {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    closers.push(() => socket.close())
    socket.on('message', (query, from) => reply(query, (bytes) => socket.send(bytes, from.port, from.address), socket))
    return endpoint('127.0.0.1', socket.address().port)
  }

  const tcpServer = async (reply: (query: Buffer) => Buffer[]) => {
    const server: Server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (data) => {
        for (const piece of reply(data.subarray(2))) socket.write(piece)
        socket.end()
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(() => server.close())
    return endpoint('127.0.0.1', (server.address() as AddressInfo).port)
  }

  const framed = (message: Buffer): Buffer =>
    Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message])
  const message = question('www.example.org')
  const send = (server: ReturnType<typeof endpoint>, protocol: 'udp' | 'tcp', signal?: AbortSignal) =>
    createDnsExchange()
      .send({ server, protocol, message, timeoutMs: PATIENCE_MS, ...(signal === undefined ? {} : { signal }) })
      .then(
        (bytes) => ({ bytes: [...bytes] }),
        (error: unknown) => ({ code: error instanceof Error && 'code' in error ? error.code : String(error) }),
      )

  it('the DNS exchange asks with an id of its own and gives back the answer with the one of the query', async () => {
    const ids = new Set<number>()
    const server = await udpServer((query, reply) => {
      ids.add(query.readUInt16BE(0))
      reply(answerTo(query))
    })
    for (let index = 0; index < 20; index++) {
      expect(await send(server, 'udp')).to.deep.equal({ bytes: [...answerTo(message)] })
    }
    expect(ids.size, 'ids that nobody can guess').to.be.greaterThan(10)
  })

  it('the DNS exchange passes over datagrams with another id or question, and takes the true answer that follows', async () => {
    const server = await udpServer((query, reply) => {
      reply(answerTo(query, (bytes) => Buffer.concat([Buffer.from([(bytes[0] ?? 0) ^ 1]), bytes.subarray(1)])))
      const other = answerTo(question('www.example.net'))
      query.copy(other, 0, 0, 2)
      reply(other)
      reply(query) // a query is no answer
      reply(Buffer.alloc(3))
      reply(answerTo(query))
    })
    expect(await send(server, 'udp')).to.deep.equal({ bytes: [...answerTo(message)] })
  })

  it('the DNS exchange takes an answer over TCP that comes in pieces', async () => {
    const server = await tcpServer((query) => {
      const whole = framed(answerTo(query))
      return [whole.subarray(0, 1), whole.subarray(1, 7), whole.subarray(7)]
    })
    expect(await send(server, 'tcp')).to.deep.equal({ bytes: [...answerTo(message)] })
  })

  it('the DNS exchange says why there is no answer', async () => {
    const silent = await udpServer(() => undefined)
    const wrong = await tcpServer(() => [framed(answerTo(question('www.example.net')))])
    const cut = await tcpServer((query) => [framed(answerTo(query)).subarray(0, 9)])
    const closed = endpoint('127.0.0.1', 1)
    expect(await send(closed, 'udp')).to.deep.equal({ code: 'ECONNREFUSED' })
    expect(await send(closed, 'tcp')).to.deep.equal({ code: 'ECONNREFUSED' })
    expect(await send(wrong, 'tcp')).to.deep.equal({ code: 'EBADMSG' })
    expect(await send(cut, 'tcp')).to.deep.equal({ code: 'ECONNRESET' })
    const timedOut = createDnsExchange().send({ server: silent, protocol: 'udp', message, timeoutMs: 20 })
    expect(await timedOut.catch((error: unknown) => error)).to.include({ code: 'ETIMEDOUT' })
  })

  it('the DNS exchange is given up at once when its signal aborts, before or meanwhile', async () => {
    const silent = await udpServer((query, reply, socket) => void socket.emit('asked'))
    expect(await send(silent, 'udp', AbortSignal.abort())).to.deep.equal({ code: 'ABORT_ERR' })
    const controller = new AbortController()
    const exchange = send(silent, 'udp', controller.signal)
    controller.abort()
    expect(await exchange).to.deep.equal({ code: 'ABORT_ERR' })
  })

  it('the DNS exchange refuses a malformed message', async () => {
    const exchange = createDnsExchange()
    for (const length of [0, 11, 65_536]) {
      const refused = exchange.send({
        server: endpoint('127.0.0.1', 1),
        protocol: 'tcp',
        message: new Uint8Array(length),
        timeoutMs: 100,
      })
      expect(await refused.catch((error: unknown) => error)).to.include({ code: 'EINVAL' })
    }
  })
})
