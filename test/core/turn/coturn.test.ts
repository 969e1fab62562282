import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { coturnPassword, type RelayCredentials } from '../../../core/crypto/relay-credentials.ts'
import { drive, type Driven } from '../../../core/runtime/drive.ts'
import { endpoint, splitEndpoint, type Endpoint, type Family } from '../../../core/runtime/endpoint.ts'
import type { ChannelPath } from '../../../core/runtime/path.ts'
import { RelayClients, type RelayClientsInput, type RelayClientsOutput } from '../../../core/turn/relay-clients.ts'
import { createClock } from '../../../hosts/runtime/index.ts'
import { Coturn } from '../../kit/coturn.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { skipBecause } from '../../kit/skip-because.ts'

const SECRET = 'example-coturn-secret'
const clock = createClock()
const utf8 = {
  encode: (text: string) => new TextEncoder().encode(text),
  decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
}

/** Makes credentials that expire in so many hours. */
const credentialsOf = (name: string, hours = 24): RelayCredentials => {
  const username = `${Math.floor(clock.unix() / 1_000) + hours * 3_600}:${name}`
  return { username, password: coturnPassword({ secret: SECRET, username }) }
}

/** A machine with sockets of both families on loopback, which uses coturn. */
class Machine {
  readonly relays: RelayClients
  readonly received: { path: ChannelPath; text: string }[] = []
  readonly #name: string
  readonly #endpoints: readonly Endpoint[]
  readonly #sockets = new Map<Family, Socket>()
  readonly #driven: Driven<RelayClientsInput>
  #watch: () => void = () => undefined

  constructor(name: string, endpoints: readonly Endpoint[]) {
    this.#name = name
    this.#endpoints = endpoints
    this.relays = new RelayClients({ random: new SeededRandom(name) })
    this.#driven = drive<RelayClientsInput, RelayClientsOutput>(this.relays, {
      clock,
      perform: (output) => this.#perform(output),
      settled: () => this.#watch(),
    })
  }

  async open(): Promise<void> {
    for (const [family, type, address] of [
      ['ipv4', 'udp4', '127.0.0.1'],
      ['ipv6', 'udp6', '::1'],
    ] as const) {
      const socket = createSocket(type)
      socket.bind(0, address)
      await once(socket, 'listening')
      socket.on('message', (datagram, from) => {
        const received = { from: endpoint(from.address, from.port), datagram }
        if (this.relays.isForRelay(received.from, datagram)) this.tell({ type: 'datagramReceived', ...received })
      })
      this.#sockets.set(family, socket)
    }
    this.tell({ type: 'networkChanged', families: ['ipv4', 'ipv6'], hasMoved: false })
    this.offer()
  }

  /** Tells the machine of its relay, with credentials that expire in so many hours. */
  offer(hours?: number): void {
    const credentials = credentialsOf(this.#name, hours)
    this.tell({ type: 'relaysOffered', relays: [{ endpoints: this.#endpoints, credentials }] })
  }

  tell(input: RelayClientsInput): void {
    this.#driven.dispatch(input)
  }

  send(path: ChannelPath, text: string): void {
    this.tell({ type: 'datagramQueued', path, bytes: utf8.encode(text) })
  }

  /** Waits until something holds; the test's own time limit ends it. */
  async until(holds: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#watch = () => {
        if (holds()) resolve()
      }
      this.#watch()
    })
  }

  relayed(family: Family): Endpoint {
    const one = this.relays.allocations.find(({ relayed }) => splitEndpoint(relayed)?.family === family)
    if (one === undefined) throw new Error(`there is no relayed address of ${family}`)
    return one.relayed
  }

  pathTo(other: Machine, family: Family): ChannelPath {
    const path = this.relays.pathTo(this.relayed(family), other.relayed(family), clock.now())
    if (path === undefined) throw new Error('there is no path')
    return path
  }

  close(): void {
    this.tell({ type: 'relaysOffered', relays: [] })
    this.#driven.stop()
    for (const socket of this.#sockets.values()) socket.close()
  }

  #perform(output: RelayClientsOutput): void {
    if (output.type === 'sendDatagram') {
      const to = splitEndpoint(output.to)
      if (to !== undefined) this.#sockets.get(to.family)?.send(output.bytes, to.port, to.address)
    } else if (output.type === 'datagramReceived') {
      this.received.push({ path: output.path, text: utf8.decode(output.datagram) })
    }
  }
}

describe('the client of a relay, at a real coturn', function () {
  this.timeout(30_000)
  let coturn: Coturn
  let ada: Machine
  let bob: Machine

  before(async function () {
    if (!Coturn.isInstalled()) return skipBecause(this, 'needs coturn')
    coturn = await Coturn.start({ secret: SECRET, relaysOnLoopback: true })
    const endpoints = ['127.0.0.1', '::1'].map((address) => endpoint(address, coturn.port))
    ada = new Machine('ada', endpoints)
    bob = new Machine('bob', endpoints)
    for (const machine of [ada, bob]) await machine.open()
  })
  after(async () => {
    for (const machine of [ada, bob]) machine.close()
    await coturn.stop()
  })

  it('H6 coturn gives an allocation of each family, the second one at its other address', async () => {
    for (const machine of [ada, bob]) {
      await machine.until(() => machine.relays.allocations.length === 2)
      expect(machine.relays.allocations.map(({ relay }) => relay)).to.deep.equal([
        endpoint('127.0.0.1', coturn.port),
        endpoint('::1', coturn.port),
      ])
    }
  })

  for (const family of ['ipv4', 'ipv6'] as const) {
    it(`H6 two clients of coturn reach each other by channels over ${family}`, async () => {
      const [there, back] = [ada.pathTo(bob, family), bob.pathTo(ada, family)]
      // The first datagram of each end opens the way for the other's; what comes before is dropped.
      bob.send(back, `open ${family}`)
      await bob.until(
        () => (ada.send(there, `to bob ${family}`), bob.received.some(({ text }) => text === `to bob ${family}`)),
      )
      bob.send(back, `to ada ${family}`)
      await ada.until(() => ada.received.some(({ text, path }) => text === `to ada ${family}` && path === there))
    })
  }

  it('coturn demands the very user name for an allocation: with renewed credentials there is a new one', async () => {
    const before = ada.relays.allocations.map(({ relayed }) => relayed)
    ada.offer(48)
    await ada.until(() => !ada.relays.allocations.some(({ relayed }) => before.includes(relayed)))
    await ada.until(() => ada.relays.allocations.length === 2)
    expect(ada.relays.counters()).to.include({ 'relay-error-441': 2 })
  })
})
