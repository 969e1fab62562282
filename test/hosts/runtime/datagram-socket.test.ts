import { expect } from 'chai'
import { afterEach, describe, it } from 'mocha'
import type { DatagramSocket, DatagramSocketOptions, ReceivedDatagram } from '../../../core/runtime/datagram-socket.ts'
import { endpoint, type Endpoint, type Family } from '../../../core/runtime/endpoint.ts'
import { createDatagramSockets } from '../../../hosts/runtime/index.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' } as const

/** A socket that remembers what it received, and tells when enough has come. */
class Listener {
  readonly received: ReceivedDatagram[] = []
  bursts = 0
  #wanted: { count: number; resolve: () => void } | undefined

  readonly options = {
    port: 0,
    onBatch: (batch: readonly ReceivedDatagram[]): void => {
      this.bursts++
      for (const { from, bytes } of batch) this.received.push({ from, bytes: bytes.slice() })
      if (this.#wanted !== undefined && this.received.length >= this.#wanted.count) this.#wanted.resolve()
    },
    onError: (error: Error): void => {
      throw error
    },
  } satisfies Partial<DatagramSocketOptions>

  until(count: number): Promise<void> {
    if (this.received.length >= count) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.received.length} of ${count}`)), PATIENCE_MS)
      this.#wanted = {
        count,
        resolve: () => {
          clearTimeout(timer)
          resolve()
        },
      }
    })
  }
}

describe('a datagram socket', () => {
  const sockets: DatagramSocket[] = []
  const open = async (options: DatagramSocketOptions): Promise<DatagramSocket> => {
    const socket = await createDatagramSockets().open(options)
    sockets.push(socket)
    return socket
  }
  afterEach(async () => {
    for (const socket of sockets.splice(0)) await socket.close()
  })

  const silent = { port: 0, onBatch: () => undefined, onError: () => undefined }

  for (const family of ['ipv4', 'ipv6'] satisfies Family[]) {
    it(`a datagram socket moves bursts of equal and unequal datagrams in order, ${family}`, async () => {
      const listener = new Listener()
      const receiver = await open({ family, ...listener.options })
      const sender = await open({ family, address: LOOPBACK[family], ...silent })
      const to = endpoint(LOOPBACK[family], receiver.port)
      // Runs of one size, shorter last ones, single bytes and an empty one: every border of what may be joined.
      const sizes = [...Array.from({ length: 300 }, () => 1200), 700, 1200, 1, 1, 0, 1200, 1400, 9000, 1400]
      const batch = sizes.map((size, index) => ({ to, bytes: new Uint8Array(size).fill(index) }))
      sender.send(batch)
      await listener.until(sizes.length - 1) // an empty datagram carries nothing, and is not handed on
      const expected = batch.filter(({ bytes }) => bytes.length > 0)
      expect(listener.received.map(({ bytes }) => bytes)).to.deep.equal(expected.map(({ bytes }) => bytes))
      expect(new Set(listener.received.map(({ from }) => from))).to.deep.equal(
        new Set([endpoint(LOOPBACK[family], sender.port)]),
      )
      expect(listener.bursts, 'far fewer bursts than datagrams').to.be.lessThan(sizes.length / 10)
      expect(sender.dropped?.()).to.deep.equal({})
    })
  }

  it('a datagram socket tells peers apart within one burst', async () => {
    const listener = new Listener()
    const receiver = await open({ family: 'ipv4', ...listener.options })
    const senders = await Promise.all([1, 2, 3].map(() => open({ family: 'ipv4', address: '127.0.0.1', ...silent })))
    const to = endpoint('127.0.0.1', receiver.port)
    for (const sender of senders) sender.send([{ to, bytes: Uint8Array.of(sender.port & 0xff) }])
    await listener.until(3)
    expect(listener.received.map(({ from }) => from).sort()).to.deep.equal(
      senders.map(({ port }) => endpoint('127.0.0.1', port)).sort(),
    )
  })

  it('a datagram socket counts what cannot be sent, and sends the rest of the batch', async () => {
    const listener = new Listener()
    const receiver = await open({ family: 'ipv4', ...listener.options })
    const sender = await open({ family: 'ipv4', ...silent })
    const good = { to: endpoint('127.0.0.1', receiver.port), bytes: Uint8Array.of(1) }
    sender.send([
      good,
      { to: endpoint('::1', receiver.port), bytes: Uint8Array.of(2) },
      { to: 'nonsense' as Endpoint, bytes: Uint8Array.of(3) },
      { to: endpoint('255.255.255.255', 9), bytes: Uint8Array.of(4) },
      { to: good.to, bytes: new Uint8Array(70_000) },
      good,
    ])
    await listener.until(2)
    expect(sender.dropped?.()).to.deep.equal({ 'bad-address': 2, EACCES: 1, EMSGSIZE: 1 })
  })

  it('a datagram socket takes any port where the one that it prefers is taken, and fails where it must be that one', async () => {
    const first = await open({ family: 'ipv4', address: '127.0.0.1', ...silent })
    const second = await open({ family: 'ipv4', address: '127.0.0.1', ...silent, port: first.port, orAnyPort: true })
    expect(second.port).not.to.equal(first.port)
    const refused = await open({ family: 'ipv4', address: '127.0.0.1', ...silent, port: first.port }).catch(
      (error: unknown) => error,
    )
    expect(refused).to.include({ code: 'EADDRINUSE', syscall: 'bind' })
  })

  it('a datagram socket refuses an address of the other family, or none', async () => {
    for (const address of ['::1', 'example.org', '']) {
      const refused = await open({ family: 'ipv4', address, ...silent }).catch((error: unknown) => error)
      expect(refused).to.include({ code: 'SOCKET_ADDRESS' })
    }
  })

  it('a datagram socket takes no packets and does not throw after it was closed, however often', async () => {
    const socket = await open({ family: 'ipv4', ...silent })
    const to = endpoint('127.0.0.1', socket.port)
    socket.send([{ to, bytes: Uint8Array.of(1) }]) // on its way when the socket closes
    await socket.close()
    await socket.close()
    socket.send([{ to, bytes: Uint8Array.of(1) }])
  })
})
