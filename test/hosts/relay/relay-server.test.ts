import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { stampedRelayPassword } from '../../../core/crypto/relay-credentials.ts'
import { parsePrefix } from '../../../core/net/prefix.ts'
import type { ReceivedDatagram } from '../../../core/runtime/datagram-socket.ts'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import { readXorAddress, XOR_MAPPED_ADDRESS } from '../../../core/stun/stun-attributes.ts'
import { encodeChannelData } from '../../../core/turn/channel-data.ts'
import { requestedUdp, ALLOCATE } from '../../../core/turn/turn-attributes.ts'
import { RelayServer, type RelayServerOptions } from '../../../hosts/relay/relay-server.ts'
import {
  createClock,
  createDatagramSockets,
  createNetworkInterfaces,
  createRandom,
} from '../../../hosts/runtime/index.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { credentialsOf, dataOf, STAMP_SECRET, TurnClient } from '../../kit/turn-bench.ts'
import { echo } from '../../kit/turn-echo.ts'
import { TurnSocketClient } from '../../kit/turn-socket-client.ts'

const FAMILIES = [
  { type: 'udp4', address: '127.0.0.1' },
  { type: 'udp6', address: '::1' },
] as const
const HELLO = new TextEncoder().encode('hello')
const LOOPBACK = ['127.0.0.0/8', '::1/128'].flatMap((text) => parsePrefix(text) ?? [])

describe('a relay on sockets', () => {
  const open: { close: () => unknown }[] = []
  const servers: RelayServer[] = []
  let server: RelayServer

  const start = (options: Partial<RelayServerOptions> = {}): RelayServer => {
    const made = new RelayServer({
      listen: ['127.0.0.1', '::1'],
      port: 0,
      addresses: { ipv4: '127.0.0.1', ipv6: '::1' },
      // Above the ports that the system gives to sockets of clients and peers, which share the relay's address here.
      relayedPorts: { first: 61_000, last: 65_535 },
      permittedPeers: LOOPBACK,
      passwordOf: (username) => stampedRelayPassword({ username, stampSecret: STAMP_SECRET }),
      clock: createClock(),
      random: createRandom(),
      logger: new RecordingLogger(),
      interfaces: createNetworkInterfaces(),
      ...options,
    })
    servers.push(made)
    made.start()
    return made
  }

  const clientOf = async (name: string, dialect: 'rfc' | 'released' = 'rfc'): Promise<TurnSocketClient> => {
    const client = await TurnSocketClient.open(endpoint('127.0.0.1', server.port ?? 0), credentialsOf(name), dialect)
    open.push(client)
    return client
  }

  const peerOf = async ({ type, address }: (typeof FAMILIES)[number]): Promise<{ socket: Socket; at: Endpoint }> => {
    const socket = createSocket(type)
    open.push(socket)
    socket.bind(0, address)
    await once(socket, 'listening')
    return { socket, at: endpoint(address, socket.address().port) }
  }

  beforeEach(() => {
    server = start({ listen: ['127.0.0.1'] })
  })
  afterEach(() => {
    for (const each of open.splice(0)) each.close()
    for (const each of servers.splice(0)) each.stop()
  })

  for (const dialect of ['rfc', 'released'] as const) {
    it(`a client of the dialect ${dialect} reaches a peer by a channel, and the peer it`, async () => {
      await echo(await clientOf('ada', dialect), await peerOf(FAMILIES[0]))
    })
  }

  it('a client in IPv6 reaches a peer in IPv6, and the peer it', async () => {
    const inIpv6 = start({ listen: ['::1'] })
    const at = endpoint('::1', inIpv6.port ?? 0)
    const client = await TurnSocketClient.open(at, credentialsOf('ada'), 'released')
    open.push(client)
    await echo(client, await peerOf(FAMILIES[1]))
  })

  it('two clients reach one another by their relayed endpoints', async () => {
    const [ada, bob] = [await clientOf('ada'), await clientOf('bob', 'released')]
    const [atAda, atBob] = [await ada.allocate(), await bob.allocate()]
    await ada.bind(0x4000, atBob)
    await bob.bind(0x4007, atAda)
    ada.sendChannel(0x4000, HELLO)
    expect(dataOf(await bob.next(true))).to.deep.equal({ channel: 0x4007, data: HELLO })
    bob.sendChannel(0x4007, HELLO)
    expect(dataOf(await ada.next(true))).to.deep.equal({ channel: 0x4000, data: HELLO })
    expect(server.numbers).to.include({ allocations: 2, datagrams: 2, bytes: 10 })
  })

  it('a burst keeps its order, sizes and bytes, to a peer, back from it, and between two clients', async () => {
    const sizes = Array.from({ length: 150 }, (_, index) => (index % 50 === 49 ? 700 : 1_200))
    const datagrams = sizes.map((size, index) => new Uint8Array(size).fill(index))
    const received: Record<'client' | 'peer' | 'other', Uint8Array[]> = { client: [], peer: [], other: [] }
    let arrived: () => void = () => undefined
    const socketOf = async (who: keyof typeof received) => {
      const socket = await createDatagramSockets().open({
        family: 'ipv4',
        address: '127.0.0.1',
        port: 0,
        onBatch: (batch: readonly ReceivedDatagram[]) => {
          for (const { bytes } of batch) received[who].push(new Uint8Array(bytes))
          arrived()
        },
        onError: (error) => {
          throw error
        },
      })
      open.push(socket)
      return socket
    }
    const until = async (who: keyof typeof received, count: number): Promise<Uint8Array[]> => {
      while (received[who].length < count) await new Promise<void>((resolve) => (arrived = resolve))
      return received[who].splice(0)
    }
    const relay = endpoint('127.0.0.1', server.port ?? 0)
    const turnOf = async (who: 'client' | 'other') => {
      const socket = await socketOf(who)
      const turn = new TurnClient({ ...credentialsOf(who), dialect: 'released', exchange: () => [] })
      const ask = async (bytes: () => Uint8Array) => {
        socket.send([{ to: relay, bytes: bytes() }])
        return turn.read((await until(who, 1))[0] ?? HELLO)
      }
      return { socket, turn, ask }
    }
    const allocated = async (who: 'client' | 'other') => {
      const made = await turnOf(who)
      await made.ask(() => made.turn.request(ALLOCATE, () => [requestedUdp]))
      const answer = await made.ask(() => made.turn.request(ALLOCATE, () => [requestedUdp]))
      const relayed = readXorAddress(answer.message, 0x0016)
      if (relayed === undefined) throw new Error('no allocation')
      const bind = (channel: number, to: Endpoint) => made.ask(() => made.turn.bindRequest(channel, to))
      return { ...made, relayed, bind }
    }
    const [client, other, peer] = [await allocated('client'), await allocated('other'), await socketOf('peer')]
    const peerAt = endpoint('127.0.0.1', peer.port)
    await client.bind(0x4000, peerAt)
    await client.bind(0x4001, other.relayed)
    await other.bind(0x4002, client.relayed)

    client.socket.send(datagrams.map((data) => ({ to: relay, bytes: encodeChannelData(0x4000, data) })))
    expect(await until('peer', 150)).to.deep.equal(datagrams)
    peer.send(datagrams.map((bytes) => ({ to: client.relayed, bytes })))
    expect(await until('client', 150)).to.deep.equal(datagrams.map((data) => encodeChannelData(0x4000, data)))
    client.socket.send(datagrams.map((data) => ({ to: relay, bytes: encodeChannelData(0x4001, data) })))
    expect(await until('other', 150)).to.deep.equal(datagrams.map((data) => encodeChannelData(0x4002, data)))
    // Two channels in turns: what goes to the peer is moved together, and must not lie over what goes to the other.
    const mixed = datagrams.map((data, index) => ({ to: relay, bytes: encodeChannelData(0x4000 + (index % 2), data) }))
    client.socket.send(mixed)
    expect(await until('peer', 75)).to.deep.equal(datagrams.filter((_, index) => index % 2 === 0))
    expect(await until('other', 75)).to.deep.equal(
      datagrams.filter((_, index) => index % 2 === 1).map((data) => encodeChannelData(0x4002, data)),
    )
    // A stream brings more than the relay's buffer holds, and messages between that are nothing to relay.
    const sent: Uint8Array[] = []
    const stream = server.attachStream({ send: (bytes) => sent.push(bytes) })
    const exchange = (bytes: Uint8Array): Uint8Array[] => {
      stream.received([bytes])
      return sent.splice(0)
    }
    const streaming = new TurnClient({ ...credentialsOf('streaming'), exchange })
    streaming.allocate()
    streaming.bind(0x4000, peerAt)
    const large = Array.from({ length: 150 }, (_, index) => new Uint8Array(index % 50 === 49 ? 700 : 9_000).fill(index))
    const messages = large.map((data) => encodeChannelData(0x4000, data))
    stream.received([new Uint8Array(), ...messages.slice(0, 70), HELLO, new Uint8Array(), ...messages.slice(70)])
    expect(await until('peer', 150)).to.deep.equal(large)
    expect(sent).to.deep.equal([])
  })

  it('P12 a flood of one client leaves turns to whatever else the process serves', async () => {
    const [client, peer] = [await clientOf('ada'), await peerOf(FAMILIES[0])]
    await client.allocate()
    await client.bind(0x4000, peer.at)
    for (let count = 0; count < 200; count++) client.sendChannel(0x4000, HELLO)
    let most = 0
    for (let before = 0; before < 200;) {
      await new Promise((resolve) => setImmediate(resolve))
      const { datagrams } = server.numbers
      most = Math.max(most, datagrams - before)
      before = datagrams
    }
    // Four receive calls of sixteen messages.
    expect(most).to.be.at.most(64)
  })

  it('H10 an account’s data beyond its rate is dropped in bursts as well, and one line says so', async () => {
    const logger = new RecordingLogger()
    server = start({ limits: { accountBytesPerSecond: 100 }, accountOf: () => 'example', logger })
    const [client, peer] = [await clientOf('ada'), await peerOf(FAMILIES[0])]
    await client.allocate()
    await client.bind(0x4000, peer.at)
    const data = new Uint8Array(1_200)
    const dropped = (): number => server.numbers.outcomes['account-bandwidth'] ?? 0
    for (const sent of [100, 200, 300]) {
      for (let count = 0; count < 100; count++) client.sendChannel(0x4000, data)
      while (dropped() + server.numbers.datagrams < sent) await new Promise((resolve) => setImmediate(resolve))
    }
    // 262,144 bytes at once, and a hundred more for each second that this takes.
    expect(server.numbers.datagrams).to.be.within(218, 220)
    const said = logger.lines.filter(({ message }) => message.includes('per_account.mbit_per_second'))
    expect(said.map(({ fields }) => fields)).to.deep.equal([{ account: 'example' }])
  })

  it('an allocation that ends closes its port, and each is another one', async () => {
    const client = await clientOf('ada')
    const first = await client.allocate()
    expect((await client.end()).code).to.equal(undefined)
    expect(server.numbers.allocations).to.equal(0)
    expect(await client.allocate()).to.not.equal(first)
  })

  it('a client at the end of a stream reaches one on UDP', async () => {
    const bob = await clientOf('bob')
    const sent: Uint8Array[] = []
    const stream = server.attachStream({ send: (bytes) => sent.push(bytes) })
    const exchange = (bytes: Uint8Array): Uint8Array[] => {
      stream.received([bytes])
      return sent.splice(0)
    }
    const ada = new TurnClient({ ...credentialsOf('ada'), exchange })
    const answer = ada.allocate()
    const atAda = answer && readXorAddress(answer.message, 0x0016)
    expect(answer && readXorAddress(answer.message, XOR_MAPPED_ADDRESS)).to.equal('0.0.0.0:0')
    const atBob = await bob.allocate()
    ada.bind(0x4000, atBob)
    await bob.bind(0x4007, atAda ?? atBob)
    ada.sendChannel(0x4000, HELLO)
    expect(dataOf(await bob.next(true))).to.deep.equal({ channel: 0x4007, data: HELLO })
    bob.sendChannel(0x4007, HELLO)
    // A request of Bob's that is answered shows that what he sent before has been forwarded.
    await bob.end()
    expect(sent.map(dataOf)).to.deep.equal([{ channel: 0x4000, data: HELLO }])
    stream.ended()
    expect(server.numbers.allocations).to.equal(0)
  })

  it('what waits for a slow stream is sent in order, once it has room', () => {
    let waiting = 1_000_000
    const sent: Uint8Array[] = []
    const stream = server.attachStream({
      waitingBytes: () => waiting,
      send: (bytes) => sent.push(bytes),
    })
    const client = new TurnClient({ ...credentialsOf('ada'), exchange: () => [] })
    const requests = Array.from({ length: 140 }, () => client.request(0x003, () => [requestedUdp]))
    stream.received(requests.slice(0, 50))
    expect(sent).to.deep.equal([])
    waiting = 0
    stream.drained()
    expect(sent.map((bytes) => bytes.slice(8, 20))).to.deep.equal(
      requests.slice(0, 50).map((bytes) => bytes.slice(8, 20)),
    )
  })

  it('a port that is taken is an error with a remedy', () => {
    expect(() => start({ port: server.port ?? 0, listen: ['127.0.0.1'] })).to.throw(/Set `listen` and `port`/)
  })

  it('H10 without a permission for it, nothing of this machine is reached', async () => {
    server = start({ listen: ['127.0.0.1'], permittedPeers: [] })
    const [client, peer] = [await clientOf('ada'), await peerOf(FAMILIES[0])]
    await client.allocate()
    expect((await client.bind(0x4000, peer.at)).code).to.equal(403)
    expect((await client.bind(0x4000, endpoint('127.0.0.1', 22))).code).to.equal(403)
  })
})
