import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { WebSocketServer } from 'ws'
import type { WebSocketEvents, WebSocketFailure } from '../../../core/runtime/web-socket.ts'
import { createWebSockets } from '../../../hosts/runtime/index.ts'

type Event =
  | ['opened']
  | ['received', string]
  | ['closed', WebSocketFailure]
  | ['refused', Parameters<WebSocketEvents['refused']>[0]]

/** Bytes that wait before a burst ends: more than a stream takes before it asks to wait, and than one write has. */
const WAITING_BYTES = 300_000

/** Keeps events, and waits for the next one. */
class Recorder {
  readonly #events: Event[] = []
  #waiting: ((event: Event) => void) | undefined

  readonly events: WebSocketEvents = {
    opened: () => this.#put(['opened']),
    received: (text) => this.#put(['received', text]),
    closed: (failure) => this.#put(['closed', failure]),
    refused: (refusal) => this.#put(['refused', refusal]),
  }

  next(): Promise<Event> {
    const event = this.#events.shift()
    return event === undefined ? new Promise((resolve) => (this.#waiting = resolve)) : Promise.resolve(event)
  }

  #put(event: Event): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) this.#events.push(event)
    else waiting(event)
  }
}

describe('WebSockets', () => {
  const sockets = createWebSockets()
  let server: Server
  let accepting: WebSocketServer
  let headers: IncomingHttpHeaders
  let refusal: string | undefined
  let recorder: Recorder

  beforeEach(async () => {
    refusal = undefined
    recorder = new Recorder()
    accepting = new WebSocketServer({ noServer: true })
    accepting.on('connection', (socket) => {
      socket.on('message', (data) => socket.send(`echo ${(data as Buffer).toString('utf8')}`))
    })
    server = createServer()
    server.on('upgrade', (request, socket, head) => {
      headers = request.headers
      if (refusal !== undefined) return void socket.end(refusal)
      accepting.handleUpgrade(request, socket, head, (accepted) => accepting.emit('connection', accepted))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })

  afterEach(async () => {
    for (const socket of accepting.clients) socket.terminate()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const connect = (maxBytes = 1_000, more: Partial<WebSocketEvents> = {}) => {
    const { port } = server.address() as AddressInfo
    return sockets.connect(
      { url: `ws://127.0.0.1:${port}/`, headers: { 'X-Authorization': 'Bearer t', 'User-Agent': 'a/1' }, maxBytes },
      { ...recorder.events, ...more },
    )
  }

  it('WebSockets carry text both ways, with the headers asked for and no others that peers do not send', async () => {
    const connection = connect()
    expect(await recorder.next()).to.deep.equal(['opened'])
    connection.send('hello')
    expect(await recorder.next()).to.deep.equal(['received', 'echo hello'])
    expect(headers).to.include({ 'x-authorization': 'Bearer t', 'user-agent': 'a/1' })
    expect(headers).to.not.have.any.keys('origin', 'sec-websocket-extensions', 'sec-websocket-protocol')
    for (const socket of accepting.clients) socket.close(1001, 'the portal stops')
    expect(await recorder.next()).to.deep.equal([
      'closed',
      { step: 'open', message: 'the portal closed it: the portal stops (1001)' },
    ])
  })

  it('WebSockets send a burst in order, and tell when all that waited is sent', async () => {
    let isDrained: () => void = () => undefined
    const drained = new Promise<void>((resolve) => (isDrained = resolve))
    const connection = connect(1_000, { drained: () => isDrained() })
    await recorder.next()
    const numbers: number[] = []
    const [accepted] = accepting.clients
    accepted?.removeAllListeners('message')
    accepted?.pause()
    let sent = 0
    for (; connection.waitingBytes() < WAITING_BYTES; sent++) {
      const bytes = Buffer.alloc(1_000)
      bytes.writeUInt32LE(sent)
      connection.sendBytes(bytes)
    }
    const arrived = new Promise<void>((resolve) => {
      accepted?.on('message', (data) => {
        if (numbers.push((data as Buffer).readUInt32LE()) === sent) resolve()
      })
    })
    accepted?.resume()
    await drained
    expect(connection.waitingBytes()).to.equal(0)
    await arrived
    expect(numbers).to.deep.equal(Array.from({ length: sent }, (_, index) => index))
  })

  it('WebSockets report a refusal with its status, headers and body', async () => {
    const body = '{"code":"invalid_token"}'
    refusal = `HTTP/1.1 401 Unauthorized\r\nRetry-After: 3\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
    connect()
    const [type, told] = await recorder.next()
    expect(type).to.equal('refused')
    expect(told).to.deep.include({ status: 401, body })
    expect((told as { headers: Record<string, string> }).headers['retry-after']).to.equal('3')
  })

  it('WebSockets end where a message is longer than allowed', async () => {
    const connection = connect(10)
    await recorder.next()
    connection.send('x'.repeat(50))
    expect((await recorder.next())[0]).to.equal('closed')
  })

  it('WebSockets report a server that is not there', async () => {
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    sockets.connect({ url: `ws://127.0.0.1:${port}/`, headers: {}, maxBytes: 10 }, recorder.events)
    const [type, failure] = await recorder.next()
    expect(type).to.equal('closed')
    expect(failure).to.include({ step: 'connect', code: 'ECONNREFUSED' })
  })
})
