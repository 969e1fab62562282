import { after, instant, SECOND, unixTime } from '../../core/runtime/time.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { percentile, type Figure } from './figure.ts'

const SIZES = [100, 1_000, 10_000]
const ROUNDS = 15
/** Handshakes in each round, for each number of clients. */
const AT_ONCE = 50
const NOW = instant(1_000)

/**
 * Measures a gateway's answers to handshake initiations on one core, each of another client, by the number of clients
 * in all.
 */
export const benchHandshakes = async (): Promise<Figure[]> => {
  const gateways = SIZES.map((size) => new Answering(size))
  const costs = gateways.map((): number[] => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, gateway] of gateways.entries()) costs[index]?.push(gateway.answer(AT_ONCE))
  }
  return SIZES.map((size, index) => ({
    name: `gateway, handshakes answered, with ${size.toLocaleString('en')} clients`,
    value: 1_000_000 / percentile(costs[index] ?? [], 0.5),
    unit: '/s of a core',
    goal: 'over 1,500',
  }))
}

class Answering {
  readonly #random = new SeededRandom('handshakes')
  readonly #transport = new WireGuardTransport({ load: { arrived: () => false } })
  readonly #keys = this.#transport.generateKeys(this.#random)
  readonly #gateway = this.#transport.createTunnel({ privateKey: this.#keys.privateKey, random: this.#random, unixAt })
  readonly #clients: Uint8Array[] = []
  #asked = 0
  #now = NOW

  constructor(size: number) {
    for (let at = 0; at < size; at++) {
      const own = this.#transport.generateKeys(this.#random)
      this.#gateway.handle({ type: 'peerAdded', peer: `peer ${at}`, publicKey: own.publicKey }, NOW)
      this.#clients.push(own.privateKey)
    }
  }

  /** Answers so many initiations; returns microseconds of process time for each. */
  answer(count: number): number {
    this.#now = after(this.#now, 10 * SECOND)
    const initiations = Array.from({ length: count }, () => this.#initiation())
    const start = process.cpuUsage()
    let answers = 0
    for (const [at, datagram] of initiations.entries()) {
      this.#gateway.handle({ type: 'datagramReceived', path: `c${at}`, datagram }, this.#now)
      while (this.#gateway.poll() !== undefined) answers += 1
    }
    const { user, system } = process.cpuUsage(start)
    if (answers !== count) throw new Error(`${answers} answers`)
    return (user + system) / count
  }

  /** Initiation of the next client; successive ones are spread evenly over all clients. */
  #initiation(): Uint8Array {
    const privateKey = this.#clients[(this.#asked++ * 7_919) % this.#clients.length]
    if (privateKey === undefined) throw new Error('unreachable')
    const client = this.#transport.createTunnel({ privateKey, random: this.#random, unixAt })
    client.handle({ type: 'peerAdded', peer: 'gateway', publicKey: this.#keys.publicKey, path: 'g' }, this.#now)
    client.handle({ type: 'connectRequested', peer: 'gateway' }, this.#now)
    const output = client.poll()
    if (output?.type !== 'sendDatagram') throw new Error('no initiation')
    return output.datagram
  }
}

const unixAt = (now: number) => unixTime(Date.UTC(2026, 0, 5) + now)
