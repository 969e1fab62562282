import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { encodeBinding, readMappedEndpoint } from '../../../../core/stun/stun-binding.ts'
import { decodeStun } from '../../../../core/stun/stun-message.ts'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import { LimitedAnswers } from '../../../../hosts/portal/stun/limited-answers.ts'
import { StunServer } from '../../../../hosts/portal/stun/stun-server.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const FAMILIES = [
  { type: 'udp4', address: '127.0.0.1' },
  { type: 'udp6', address: '::1' },
] as const

describe('the STUN server of a portal', () => {
  const clock = new VirtualClock()
  let server: StunServer
  const sockets: Socket[] = []

  const listen = async (addresses: readonly string[], port = 0): Promise<StunServer> => {
    const made = new StunServer({ listen: addresses, port, clock, logger: new RecordingLogger() })
    await made.start()
    return made
  }

  const socketOf = async ({ type, address }: (typeof FAMILIES)[number]): Promise<Socket> => {
    const socket = createSocket(type)
    sockets.push(socket)
    socket.bind(0, address)
    await once(socket, 'listening')
    return socket
  }

  /** Sends datagrams and returns the transaction number and the mapped endpoint of the first answer. */
  const ask = async (socket: Socket, address: string, datagrams: readonly Uint8Array[]) => {
    const answered = once(socket, 'message') as Promise<[Buffer]>
    for (const datagram of datagrams) socket.send(datagram, server.port ?? 0, address)
    const [bytes] = await answered
    const verdict = decodeStun(bytes)
    if (verdict.type === 'refused') throw new Error(verdict.reason)
    return { number: verdict.message.transactionId[0], mapped: readMappedEndpoint(verdict.message) }
  }

  const request = (number: number): Uint8Array => encodeBinding(new Uint8Array(12).fill(number))

  beforeEach(async () => {
    server = await listen(['127.0.0.1'])
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.close()
    await server.stop()
  })

  for (const family of FAMILIES) {
    it(`H11 a request is answered with where it came from, over ${family.type}`, async () => {
      await server.stop()
      server = await listen([family.address])
      const socket = await socketOf(family)
      const { mapped } = await ask(socket, family.address, [request(1)])
      expect(mapped).to.equal(endpoint(family.address, socket.address().port))
      expect(server.counters()).to.deep.equal({ answered: 1 })
    })
  }

  it('P9 whatever is no Binding request gets no answer, and is counted by its reason', async () => {
    const socket = await socketOf(FAMILIES[0])
    const { number } = await ask(socket, '127.0.0.1', [new Uint8Array(100), request(1).subarray(0, 40), request(2)])
    expect(number).to.equal(2)
    expect(server.counters()).to.deep.equal({ 'not-stun': 1, 'bad-length': 1, answered: 1 })
  })

  it('a source that asks too much is not answered until it has asked less for a while, and others are', () => {
    const answers = new LimitedAnswers()
    const isAnswered = (address: string): boolean =>
      answers.answer(request(1), { address, port: 9 }, clock.now()) !== undefined
    const sources = ['192.0.2.1', '2001:db8::1']
    for (const source of sources) {
      while (isAnswered(source));
      expect(isAnswered(source)).to.equal(false)
    }
    expect(isAnswered('2001:db8::2'), 'the same network of 64 bits').to.equal(false)
    expect(isAnswered('192.0.2.2')).to.equal(true)
    clock.advance(SECOND)
    for (const source of sources) expect(isAnswered(source)).to.equal(true)
  })

  it('all sources together are answered so many times at once, and no more', () => {
    const answers = new LimitedAnswers()
    for (let number = 0; number < 10_100; number++) {
      const address = `198.18.${number >> 8}.${number & 255}`
      answers.answer(request(1), { address, port: 9 }, clock.now())
    }
    expect(answers.counters()).to.deep.equal({ answered: 10_000, 'too-many-requests': 100 })
  })

  it('a port that is taken is an error with a remedy', async () => {
    const error = await listen(['127.0.0.1'], server.port).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'STUN_LISTEN_FAILED' })
    expect(String(error)).to.match(/127\.0\.0\.1, UDP port \d+.*stun: false/)
  })

  it('an address that is not this machine’s is an error, too', async () => {
    const error = await listen(['192.0.2.1']).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'STUN_LISTEN_FAILED' })
  })
})
