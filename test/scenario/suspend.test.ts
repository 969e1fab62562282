import { expect } from 'chai'
import { describe, it } from 'mocha'
import { endpoint } from '../../core/runtime/endpoint.ts'
import { formatCandidate, hostCandidates } from '../../core/ice/candidate.ts'
import type { PeerTunnelsInput, PeerTunnelsOutput } from '../../core/ice/peer-tunnels-messages.ts'
import { PeerTunnels } from '../../core/ice/peer-tunnels.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import { drive } from '../../core/runtime/drive.ts'
import { after, DAY, MINUTE, SECOND, unixOf } from '../../core/runtime/time.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import { numberedPacket } from '../conformance/tunnel-wire.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { VirtualClock } from '../kit/virtual-clock.ts'

const CREDENTIALS = {
  client: { username: 'zegv', password: 'czskz6fyfoa6bfv7sqx5ld' },
  gateway: { username: '4zlx', password: 'hcqpxsvioeww7s4udf2ynq' },
}
const ADDRESSES = { client: '192.0.2.1', gateway: '198.51.100.1' }
const LATENCY_MS = 10
const SLEEPS = { '20 s': 20 * SECOND, '4 min': 4 * MINUTE, '10 min': 10 * MINUTE, 'a day': DAY }

type Name = 'client' | 'gateway'

/** A client whose machine sleeps, and its gateway. */
class SleepyWorld {
  readonly clock = new VirtualClock()
  delivered = 0
  readonly #random = new SeededRandom('sleep')
  readonly #tell: Record<Name, (input: PeerTunnelsInput) => void>
  #isAsleep = false
  #sleepMs = 0

  constructor() {
    const transport = new WireGuardTransport()
    const keys = { client: transport.generateKeys(this.#random), gateway: transport.generateKeys(this.#random) }
    this.#tell = {
      client: this.#end('client', { transport, privateKey: keys.client.privateKey, clock: this.#sleepyClock() }),
      gateway: this.#end('gateway', { transport, privateKey: keys.gateway.privateKey, clock: this.clock }),
    }
    const presharedKey = this.#random.bytes(32)
    const { client, gateway } = CREDENTIALS
    for (const [name, peer, local, remote] of [
      ['gateway', 'client', gateway, client],
      ['client', 'gateway', client, gateway],
    ] as const) {
      const candidates = hostCandidates([ADDRESSES[name]], { ipv4: 1 })
      this.#tell[name]({ type: 'localCandidatesChanged', candidates })
      this.#tell[name]({ type: 'peerAdded', peer, publicKey: keys[peer].publicKey, presharedKey, local, remote })
    }
    const lines = hostCandidates([ADDRESSES.gateway], { ipv4: 1 }).map(formatCandidate)
    this.#tell.client({ type: 'remoteCandidatesAdded', peer: 'gateway', candidates: lines })
  }

  send(): void {
    this.#tell.client({ type: 'packetQueued', peer: 'gateway', packet: numberedPacket(1, this.#random) })
  }

  sleep(milliseconds: number): void {
    this.#isAsleep = true
    this.#sleepMs = milliseconds
    this.clock.advance(milliseconds)
    this.#isAsleep = false
  }

  #end(
    name: Name,
    { transport, privateKey, clock }: { transport: WireGuardTransport; privateKey: Uint8Array; clock: Clock },
  ): (input: PeerTunnelsInput) => void {
    const pair = this.clock.pair()
    const tunnel = transport.createTunnel({ privateKey, random: this.#random, unixAt: (now) => unixOf(now, pair) })
    const role = name === 'client' ? 'controlling' : 'controlled'
    return drive<PeerTunnelsInput, PeerTunnelsOutput>(new PeerTunnels({ role, random: this.#random, tunnel }), {
      clock,
      perform: (output) => {
        if (output.type === 'flowsTold' && output.input.type === 'tunnelPacket') this.delivered++
        if (output.type !== 'sendDatagram') return
        const datagram = new Uint8Array(output.bytes)
        this.clock.wake(after(this.clock.now(), LATENCY_MS), () => {
          const other = name === 'client' ? 'gateway' : 'client'
          if (other === 'client' && this.#isAsleep) return
          this.#tell[other]({ type: 'datagramReceived', path: endpoint(ADDRESSES[name], 1), datagram })
        })
      },
    }).dispatch
  }

  /** A clock that goes on during the sleep, while its timers stand still and are late by the length of the sleep. */
  #sleepyClock(): Clock {
    const { clock } = this
    return {
      now: () => clock.now(),
      unix: () => clock.unix(),
      pair: () => clock.pair(),
      wake: (at, callback) => {
        let cancel = clock.wake(at, () => {
          if (this.#isAsleep) cancel = clock.wake(after(at, this.#sleepMs), callback)
          else callback()
        })
        return () => cancel()
      },
    }
  }
}

describe('a client whose machine slept', () => {
  for (const [title, sleepMs] of Object.entries(SLEEPS)) {
    it(`H7 a client that slept ${title} has its tunnel again within 2 s of the first packet, whatever timers are late`, () => {
      const world = new SleepyWorld()
      world.send()
      world.clock.advance(5 * SECOND)
      expect(world.delivered).to.equal(1)
      world.sleep(sleepMs)
      world.send()
      world.clock.advance(2 * SECOND)
      expect(world.delivered).to.equal(2)
    })
  }
})
