import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import { splitPath, type ChannelPath } from '../../../core/runtime/path.ts'
import { HOUR, MINUTE, SECOND } from '../../../core/runtime/time.ts'
import { attribute, NONCE, readErrorCode, USERNAME } from '../../../core/stun/stun-attributes.ts'
import { decodeStun, encodeStun, encodeWithoutFingerprint, type StunMessage } from '../../../core/stun/stun-message.ts'
import { encodeChannelData, looksLikeChannelData } from '../../../core/turn/channel-data.ts'
import { RelayClient, type RelayClientOptions } from '../../../core/turn/relay-client.ts'
import type { RelayClientInput } from '../../../core/turn/relay-client-messages.ts'
import { ALLOCATE, CHANNEL_BIND, REFRESH } from '../../../core/turn/turn-attributes.ts'
import type { TurnRelayOptions } from '../../../core/turn/turn-relay.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { credentialsOf, RELAY_V4, RELAY_V6, STAMP_SECRET, TurnBench } from '../../kit/turn-bench.ts'
import { stampedRelayCredentials } from '../../../core/crypto/relay-credentials.ts'

const RELAY = endpoint(RELAY_V4, 3478)
const PEER = endpoint('192.0.33.7', 52_625)
const HERE = { listener: 0, source: '198.51.100.7:52625' }
const DATA = new Uint8Array([1, 2, 3])

const messageOf = (bytes: Uint8Array): StunMessage => {
  const verdict = decodeStun(bytes)
  if (verdict.type === 'refused') throw new Error(verdict.reason)
  return verdict.message
}

/** A client of the relay's real machine, without a network between. */
class Bench {
  readonly turn: TurnBench
  readonly client: RelayClient
  /** Requests that the client has sent. */
  readonly requests: StunMessage[] = []
  readonly received: { path: ChannelPath; datagram: Uint8Array }[] = []
  readonly states: string[] = []
  /** Changes a datagram of the relay on its way; undefined loses it. */
  alter: (bytes: Uint8Array) => Uint8Array | undefined = (bytes) => bytes
  isCut = false

  constructor(
    options: Partial<RelayClientOptions> = {},
    { turn, relay = {} }: { turn?: TurnBench; relay?: Partial<TurnRelayOptions> } = {},
  ) {
    this.turn = turn ?? new TurnBench(relay)
    const random = new SeededRandom('relay client')
    const defaults = { relay: RELAY, wanted: 'both', credentials: credentialsOf('ada'), random } as const
    this.client = new RelayClient({ ...defaults, ...options })
  }

  tell(input: RelayClientInput): void {
    this.client.handle(input, this.turn.now)
    this.#pump()
  }

  /** Gives the client what a relay, or somebody in its name, has sent. */
  receive(bytes: Uint8Array): void {
    if (this.client.isForMe(bytes)) this.tell({ type: 'datagramReceived', datagram: bytes })
  }

  pass(milliseconds: number): void {
    const end = this.turn.now + milliseconds
    for (let next = this.client.deadline(); next !== undefined && next.at <= end; next = this.client.deadline()) {
      this.turn.pass(Math.max(0, next.at - this.turn.now))
      this.client.wake(this.turn.now)
      this.#pump()
    }
    this.turn.pass(end - this.turn.now)
  }

  /** Path to a peer, whose channel is bound by a first datagram. */
  pathTo(peer: Endpoint): ChannelPath {
    const path = this.client.pathTo(peer, this.turn.now)
    if (path === undefined) throw new Error('there is no path')
    return path
  }

  send(path: ChannelPath, bytes: Uint8Array): void {
    this.tell({ type: 'datagramQueued', channel: splitPath(path).channel ?? 0, bytes })
  }

  count(method: number): number {
    return this.requests.filter((request) => request.method === method).length
  }

  #pump(): void {
    for (let output = this.client.poll(); output !== undefined; output = this.client.poll()) {
      if (output.type === 'stateChanged') this.states.push(this.client.state)
      else if (output.type === 'datagramReceived')
        this.received.push({ path: output.path, datagram: new Uint8Array(output.datagram) })
      else {
        if (!looksLikeChannelData(output.bytes)) this.requests.push(messageOf(output.bytes))
        if (this.isCut) continue
        for (const back of this.turn.receive(HERE, output.bytes)) {
          const altered = this.alter(back)
          if (altered !== undefined) this.receive(altered)
        }
      }
    }
  }
}

/** Strips what coturn does not sign: MESSAGE-INTEGRITY of errors. */
const unsigned = (bytes: Uint8Array): Uint8Array => {
  if (looksLikeChannelData(bytes)) return bytes
  const { kind, method, transactionId, attributes } = messageOf(bytes)
  return kind === 'error' ? encodeStun({ kind, method, transactionId, attributes }) : bytes
}

describe('the client of a relay', () => {
  let bench: Bench

  beforeEach(() => {
    bench = new Bench()
  })

  it('a relay’s client asks without credentials first, then has addresses of both families', () => {
    bench.tell({ type: 'started' })
    expect(bench.client.state).to.equal('allocated')
    expect(bench.client.relayed).to.deep.equal([endpoint(RELAY_V4, 50_000), endpoint(RELAY_V6, 50_001)])
    expect(bench.client.mapped).to.equal(HERE.source)
    expect(bench.requests.map((request) => attribute(request, USERNAME) !== undefined)).to.deep.equal([false, true])
  })

  it('a relay’s client takes the one family that there is', () => {
    const ipv4 = new Bench({}, { relay: { relayedAddresses: { ipv4: RELAY_V4 } } })
    ipv4.tell({ type: 'started' })
    expect(ipv4.client.relayed).to.deep.equal([endpoint(RELAY_V4, 50_000)])
    const ipv6 = new Bench({}, { relay: { relayedAddresses: { ipv6: RELAY_V6 } } })
    ipv6.tell({ type: 'started' })
    expect(ipv6.client.relayed).to.deep.equal([endpoint(RELAY_V6, 50_000)])
    expect(ipv6.client.pathTo(PEER, ipv6.turn.now)).to.equal(undefined)
  })

  it('data goes to a peer and comes from it by a channel', () => {
    bench.tell({ type: 'started' })
    const path = bench.pathTo(PEER)
    bench.send(path, DATA)
    expect(bench.turn.toPeers).to.deep.equal([{ from: endpoint(RELAY_V4, 50_000), to: PEER, bytes: DATA }])
    for (const bytes of bench.turn.receiveAt(endpoint(RELAY_V4, 50_000), PEER, DATA)) bench.receive(bytes)
    expect(bench.received).to.deep.equal([{ path, datagram: DATA }])
    expect(bench.client.endsOf(splitPath(path).channel ?? 0)).to.deep.equal({
      allocation: endpoint(RELAY_V4, 50_000),
      peer: PEER,
    })
  })

  it('data of a peer at another port of a permitted address has a path, by which it is answered', () => {
    bench.tell({ type: 'started' })
    bench.send(bench.pathTo(PEER), DATA)
    const other = endpoint('192.0.33.7', 40_000)
    for (const bytes of bench.turn.receiveAt(endpoint(RELAY_V4, 50_000), other, DATA)) bench.receive(bytes)
    const [{ path, datagram } = { path: undefined, datagram: undefined }] = bench.received
    expect(datagram).to.deep.equal(DATA)
    if (path !== undefined) bench.send(path, DATA)
    expect(bench.turn.toPeers.at(-1)).to.include({ to: other })
  })

  it('an allocation and its channels in use last for hours, past nonces, permissions and bindings', () => {
    bench.tell({ type: 'started' })
    const path = bench.pathTo(PEER)
    for (let minute = 0; minute < 240; minute += 2) {
      bench.send(path, DATA)
      bench.pass(2 * MINUTE)
    }
    expect(bench.turn.toPeers).to.have.length(120)
    expect(bench.turn.receiveAt(endpoint(RELAY_V4, 50_000), PEER, DATA).map(looksLikeChannelData)).to.deep.equal([true])
    expect(bench.states).to.deep.equal(['asking', 'allocated'])
  })

  it('a channel that is not used is not kept, and is bound again for its next datagram', () => {
    bench.tell({ type: 'started' })
    const path = bench.pathTo(PEER)
    bench.send(path, DATA)
    bench.pass(HOUR)
    expect(bench.count(CHANNEL_BIND)).to.equal(1)
    bench.send(path, DATA)
    expect(bench.turn.toPeers).to.have.length(2)
  })

  it('coturn’s errors without integrity are believed, of a stale nonce for example', () => {
    bench.alter = unsigned
    bench.tell({ type: 'started' })
    bench.pass(2 * HOUR)
    expect(bench.states).to.deep.equal(['asking', 'allocated'])
    expect(bench.count(REFRESH)).to.be.at.least(20)
  })

  it('P9 nothing is believed that does not prove the key, or answers nothing', () => {
    bench.alter = (bytes) => {
      const { kind, method, transactionId, attributes } = messageOf(bytes)
      return kind === 'success' ? encodeWithoutFingerprint({ kind, method, transactionId, attributes }) : bytes
    }
    bench.tell({ type: 'started' })
    expect(bench.client.state).to.equal('asking')
    expect(bench.client.counters()).to.include({ 'wrong-integrity': 1 })
    bench.alter = (bytes) => {
      const { kind, method, attributes } = messageOf(bytes)
      const stranger = { kind, method, transactionId: new Uint8Array(12), attributes }
      return encodeWithoutFingerprint(stranger, new Uint8Array(16))
    }
    bench.pass(10 * SECOND)
    expect(bench.client.state).to.equal('silent')
  })

  it('P9 data of channels that are not the client’s is dropped, and nothing is sent for it', () => {
    bench.tell({ type: 'started' })
    const { length } = bench.requests
    for (const bytes of [encodeChannelData(0x4abc, DATA), new Uint8Array([0x40]), new Uint8Array([0x40, 0, 0, 9])]) {
      bench.receive(bytes)
    }
    expect([bench.received, bench.requests.length]).to.deep.equal([[], length])
    expect(bench.client.counters()).to.include({ 'no-channel': 3 })
  })

  it('a relay that is silent is given up after 8 s and tried again', () => {
    bench.isCut = true
    bench.tell({ type: 'started' })
    bench.pass(7_990)
    expect(bench.client.state).to.equal('asking')
    bench.pass(20)
    expect(bench.client.state).to.equal('silent')
    bench.isCut = false
    bench.pass(10 * SECOND)
    expect(bench.client.state).to.equal('allocated')
  })

  it('a relay that falls silent is noticed within 35 s without traffic, and 8 s after it is doubted', () => {
    bench.tell({ type: 'started' })
    bench.isCut = true
    bench.pass(35 * SECOND)
    expect(bench.client.state).to.not.equal('allocated')
    bench.isCut = false
    bench.pass(10 * SECOND)
    expect(bench.client.state).to.equal('allocated')
    bench.isCut = true
    bench.tell({ type: 'doubted' })
    bench.pass(8_010)
    expect(bench.client.state).to.equal('silent')
  })

  it('wrong credentials are tried once, and again when they are renewed', () => {
    const wrong = new Bench({ credentials: { ...credentialsOf('ada'), password: 'wrong' } })
    wrong.tell({ type: 'started' })
    expect([wrong.client.state, wrong.client.refusal]).to.deep.equal(['refused', 401])
    expect(wrong.count(ALLOCATE)).to.equal(2)
    wrong.tell({ type: 'credentialsRenewed', credentials: credentialsOf('ada') })
    expect(wrong.client.state).to.equal('allocated')
  })

  it('renewed credentials of the same peer keep the allocation', () => {
    bench.tell({ type: 'started' })
    bench.send(bench.pathTo(PEER), DATA)
    const credentials = stampedRelayCredentials({ publicKey: 'ada', expiry: 4_102_448_000, stampSecret: STAMP_SECRET })
    bench.tell({ type: 'credentialsRenewed', credentials })
    bench.pass(HOUR)
    expect(bench.states).to.deep.equal(['asking', 'allocated'])
  })

  it('where renewed credentials are refused for an allocation, it is replaced by a new one', () => {
    bench.alter = unsigned
    bench.tell({ type: 'started' })
    bench.tell({ type: 'credentialsRenewed', credentials: credentialsOf('bob') })
    expect(bench.states).to.deep.equal(['asking', 'allocated', 'asking', 'allocated'])
    expect(bench.client.relayed[0]).to.equal(endpoint(RELAY_V4, 50_002))
    expect(bench.turn.relay.allocations).to.equal(1)
  })

  it('an allocation of an earlier client on the same port makes way', () => {
    bench.tell({ type: 'started' })
    const later = new Bench({ random: new SeededRandom('later') }, { turn: bench.turn })
    later.tell({ type: 'started' })
    expect(later.client.relayed[0]).to.equal(endpoint(RELAY_V4, 50_002))
    expect(bench.turn.relay.allocations).to.equal(1)
  })

  it('an allocation that the relay has forgotten is made anew when the relay is doubted', () => {
    bench.tell({ type: 'started' })
    for (const serves of [false, true]) bench.turn.tell({ type: 'servingChanged', serves })
    bench.tell({ type: 'doubted' })
    expect(bench.states).to.deep.equal(['asking', 'allocated', 'asking', 'allocated'])
    expect(bench.client.relayed[0]).to.equal(endpoint(RELAY_V4, 50_002))
  })

  it('a peer that a relay refuses costs one request in a while', () => {
    bench.tell({ type: 'started' })
    const path = bench.pathTo(endpoint('10.0.0.5', 52_625))
    for (let datagram = 0; datagram < 10; datagram++) bench.send(path, DATA)
    expect(bench.count(CHANNEL_BIND)).to.equal(1)
    expect(bench.client.counters()).to.include({ 'relay-error-403': 1, 'relay-refuses-peer': 9 })
  })

  it('channels are 4096; those unused for a minute are given to other peers, bound ones are not', () => {
    bench.tell({ type: 'started' })
    const used = bench.pathTo(PEER)
    bench.send(used, DATA)
    const peerOf = (number: number) => endpoint(`192.0.${64 + (number >> 8)}.${number & 255}`, 1)
    const paths = Array.from({ length: 4_096 }, (_, number) => bench.client.pathTo(peerOf(number), bench.turn.now))
    expect(paths.filter((path) => path === undefined)).to.have.length(1)
    expect(bench.client.pathTo(peerOf(0), bench.turn.now)).to.equal(paths[0])
    bench.pass(2 * MINUTE)
    expect(bench.client.pathTo(peerOf(5_000), bench.turn.now)).to.equal(paths[0])
    expect(bench.client.endsOf(splitPath(paths[0] ?? used).channel ?? 0)?.peer).to.equal(peerOf(5_000))
    expect(bench.client.endsOf(splitPath(used).channel ?? 0)?.peer).to.equal(PEER)
  })

  it('a client that is released gives its allocation back', () => {
    bench.tell({ type: 'started' })
    bench.tell({ type: 'released' })
    expect([bench.client.state, bench.turn.relay.allocations]).to.deep.equal(['idle', 0])
    expect(bench.client.deadline()).to.equal(undefined)
  })

  it('a relay that demands a new nonce each time is given up', () => {
    let nonces = 0
    bench.alter = (bytes) => {
      const { method, transactionId, attributes } = messageOf(bytes)
      const others = attributes.filter(({ type }) => type !== NONCE && type !== 9)
      const nonce = { type: NONCE, value: new TextEncoder().encode(`nonce ${++nonces}`) }
      const error = { type: 9, value: new Uint8Array([0, 0, 4, nonces === 1 ? 1 : 38]) }
      return encodeStun({ kind: 'error', method, transactionId, attributes: [...others, nonce, error] })
    }
    bench.tell({ type: 'started' })
    expect([bench.client.state, bench.client.refusal]).to.deep.equal(['refused', 438])
    expect(bench.count(ALLOCATE)).to.be.lessThan(10)
    expect(bench.requests.map(readErrorCode)).to.not.include(438)
  })
})
