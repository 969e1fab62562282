import { expect } from 'chai'
import { createHash } from 'node:crypto'
import { describe, it } from 'mocha'
import { xchachaSeal } from '../../../core/crypto/xchacha20-poly1305.ts'
import { X25519PublicKey } from '../../../core/crypto/x25519.ts'
import { SECOND } from '../../../core/runtime/time.ts'
import { macKeysOf } from '../../../plugins/transport-wireguard/identity.ts'
import type { RekeyPace } from '../../../plugins/transport-wireguard/timers.ts'
import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { numberedPacket, numberOf, TunnelWire, type CarriedDatagram } from '../../conformance/tunnel-wire.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

const KINDS = ['?', 'initiation', 'response', 'cookieReply', 'data']

/** Two ends that know each other; a knows the path. What each sends is logged with the second at which it did. */
const world = (pace: Partial<RekeyPace> = {}) => {
  const transport = new WireGuardTransport({ pace })
  const random = new SeededRandom('timers')
  const wire = new TunnelWire()
  const keys = { a: transport.generateKeys(random), b: transport.generateKeys(random) }
  const presharedKey = random.bytes(32)
  const tunnels = {
    a: transport.createTunnel({ privateKey: keys.a.privateKey, random, unixAt: wire.unixAt }),
    b: transport.createTunnel({ privateKey: keys.b.privateKey, random, unixAt: wire.unixAt }),
  }
  wire.attach('a', tunnels.a)
  wire.attach('b', tunnels.b)
  wire.input('a', { type: 'peerAdded', peer: 'b', publicKey: keys.b.publicKey, presharedKey, path: 'a-b' })
  wire.input('b', { type: 'peerAdded', peer: 'a', publicKey: keys.a.publicKey, presharedKey })
  const start = wire.now
  const log: { at: number; from: string; what: string }[] = []
  let lossy: (datagram: CarriedDatagram) => boolean = () => false
  wire.fate = (datagram) => {
    const kind = KINDS[datagram.bytes[0] ?? 0] ?? '?'
    const what = kind === 'data' && datagram.bytes.length === 32 ? 'keepalive' : kind
    log.push({ at: (wire.now - start) / SECOND, from: datagram.from, what })
    return lossy(datagram) ? [] : [{ bytes: datagram.bytes }]
  }
  let number = 0
  const send = (from: 'a' | 'b') =>
    wire.input(from, { type: 'packetQueued', peer: from === 'a' ? 'b' : 'a', packet: numberedPacket(number++, random) })
  const lose = (which: typeof lossy) => {
    lossy = which
  }
  const times = (what: string, from: string) =>
    log.filter((entry) => entry.what === what && entry.from === from).map(({ at }) => at)
  return { wire, keys, tunnels, send, lose, times, log }
}

describe('WireGuard timers', () => {
  it('WireGuard renews the session after 120 s of use, by its initiator only', () => {
    const { wire, send, times } = world()
    send('a')
    for (let second = 0; second < 300; second++) {
      wire.advance(SECOND)
      send('a')
      send('b')
    }
    // The first packet that is sealed after 120 s begins it.
    expect(times('initiation', 'a').map(Math.round)).to.deep.equal([0, 121, 242])
    expect(times('initiation', 'b')).to.deep.equal([])
  })

  it('WireGuard renews the session after a number of messages too, whoever sent them, and no sooner than a handshake may follow another', () => {
    for (const { from, other } of [
      { from: 'a', other: 'b' },
      { from: 'b', other: 'a' },
    ] as const) {
      const { wire, send, times } = world({ afterMessages: 10, timeoutMs: 500 })
      send('a')
      wire.advance(SECOND)
      for (let count = 0; count < 60; count++) {
        send(from)
        wire.advance(SECOND / 10)
      }
      wire.advance(SECOND)
      const renewals = times('initiation', from).filter((at) => at > 0)
      expect(renewals, from).to.have.length.within(5, 6)
      for (const [index, at] of renewals.slice(1).entries()) expect(at - (renewals[index] ?? 0)).to.be.at.least(0.5)
      expect(times('initiation', other).filter((at) => at > 0)).to.deep.equal([])
      expect(wire.delivered(other)).to.have.length(from === 'a' ? 61 : 60)
    }
  })

  it('WireGuard refuses to open what was sealed in a session older than 180 s, and to seal in one', () => {
    const { wire, tunnels, send, times } = world()
    send('a')
    wire.advance(SECOND)
    send('a')
    const late = wire.sent('a').at(-1)?.bytes ?? new Uint8Array()
    wire.advance(200 * SECOND)
    wire.input('b', { type: 'datagramReceived', path: 'a-b', datagram: late })
    expect(tunnels.b.counters()).to.deep.equal({ 'expired-session': 1 })
    wire.delivered('b')
    send('b')
    wire.advance(SECOND)
    expect(times('initiation', 'b')).to.have.length(1)
    expect(wire.delivered('a')).to.have.length(1)
  })

  it('WireGuard confirms received packets by a keepalive after 10 s, unless something is sent anyway', () => {
    const { wire, send, times } = world()
    send('a')
    wire.advance(30 * SECOND)
    expect(times('keepalive', 'b').map(Math.round)).to.deep.equal([10])
    expect(times('keepalive', 'a')).to.deep.equal([])
    send('a')
    wire.advance(5 * SECOND)
    send('b')
    wire.advance(30 * SECOND)
    expect(times('keepalive', 'b').map(Math.round)).to.deep.equal([10])
    expect(times('keepalive', 'a').map(Math.round)).to.deep.equal([45])
  })

  it('WireGuard seeks a new session 15 s after traffic that nothing came back for', () => {
    const { wire, send, lose, times } = world()
    send('a')
    wire.advance(20 * SECOND)
    lose(({ from }) => from === 'b')
    send('a')
    wire.advance(16 * SECOND)
    const [, second] = times('initiation', 'a')
    expect(second).to.be.within(35, 35.4)
  })

  it('WireGuard renews the session by keepalives too, where an end only receives', () => {
    const { wire, send, times } = world()
    send('a')
    for (let second = 0; second < 170; second++) {
      wire.advance(SECOND)
      send('b')
    }
    const [, renewal, ...more] = times('initiation', 'a')
    expect(renewal).to.be.within(120, 132)
    expect(more).to.deep.equal([])
  })

  it('WireGuard renews at once a session in which the initiator receives after 165 s: its next keepalive would come too late', () => {
    for (const { idle, expected } of [
      { idle: 164, expected: [0] },
      { idle: 166, expected: [0, 166] },
    ]) {
      const { wire, send, times } = world()
      send('a')
      wire.advance(idle * SECOND)
      send('b')
      wire.advance(SECOND)
      expect(times('initiation', 'a').map(Math.round), `after ${idle} s`).to.deep.equal(expected)
    }
  })

  it('WireGuard repeats a handshake every 5 s and up to 333 ms more, each time anew, for 90 s', () => {
    const { wire, send, lose, times } = world()
    lose(() => true)
    send('a')
    wire.advance(200 * SECOND)
    const at = times('initiation', 'a')
    const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0))
    for (const gap of gaps) expect(gap).to.be.within(5, 5.333)
    expect(new Set(gaps).size).to.be.greaterThan(5)
    expect(at.at(-1)).to.be.within(84, 90)
    const initiations = wire.sent('a').map(({ bytes }) => Buffer.from(bytes).toString('hex'))
    expect(new Set(initiations).size).to.equal(initiations.length)
  })

  it('WireGuard repeats an unanswered handshake at once on a path that the host chooses', () => {
    const { wire, send, lose, times } = world()
    lose(({ path }) => path === 'a-b')
    send('a')
    wire.advance(2 * SECOND)
    wire.input('a', { type: 'pathChosen', peer: 'b', path: 'a-b:other' })
    wire.advance(SECOND)
    expect(times('initiation', 'a')).to.deep.equal([0, 2])
    expect(wire.delivered('b').map(numberOf)).to.deep.equal([0])
  })

  it('H7 WireGuard sends a young initiation again on a path that the host chooses, and takes the answer to either copy', () => {
    for (const gap of [0, 5, 12, 19, 25, 200]) {
      for (const dead of ['none', 'a-b', 'a-b:other']) {
        const { wire, tunnels, send, lose } = world()
        lose(({ path }) => path === dead)
        const carried = wire.fate
        wire.fate = (datagram) => carried(datagram).map((arrival) => ({ ...arrival, delayMs: 140 }))
        send('a')
        wire.advance(gap)
        wire.input('a', { type: 'pathChosen', peer: 'b', path: 'a-b:other' })
        // Two ways of the handshake and one of the packet.
        wire.advance(gap + 3 * 150)
        const what = `${gap} ms, ${dead} dead`
        expect(wire.delivered('b').map(numberOf), what).to.deep.equal([0])
        expect(tunnels.b.counters(), what).to.deep.equal(dead === 'none' ? { 'replayed-initiation': 1 } : {})
        expect(tunnels.a.counters(), what).to.deep.equal({})
      }
    }
  })

  it('WireGuard forgets the keys of a session that nobody has used for 540 s', () => {
    const { wire, tunnels, send } = world()
    send('a')
    wire.advance(SECOND)
    const sealed = wire.sent('a').at(-1)?.bytes ?? new Uint8Array()
    wire.advance(539 * SECOND)
    wire.input('b', { type: 'datagramReceived', path: 'a-b', datagram: sealed })
    expect(tunnels.b.counters()).to.deep.equal({ 'expired-session': 1 })
    wire.advance(2 * SECOND)
    wire.input('b', { type: 'datagramReceived', path: 'a-b', datagram: sealed })
    expect(tunnels.b.counters()).to.deep.equal({ 'expired-session': 1, 'unknown-index': 1 })
    expect([tunnels.a.deadline(), tunnels.b.deadline()]).to.deep.equal([undefined, undefined])
  })
})

describe('the WireGuard tunnel', () => {
  it('WireGuard pads every packet to a multiple of 16 bytes', () => {
    const { wire, keys } = world()
    for (let length = 24; length < 80; length++) {
      const packet = numberedPacket(length, new SeededRandom(length), length)
      wire.input('a', { type: 'packetQueued', peer: 'b', packet })
    }
    wire.advance(SECOND)
    const data = wire.sent('a').filter(({ bytes }) => bytes[0] === 4)
    expect(data).to.have.length(56)
    for (const { bytes } of data) expect(bytes.length % 16).to.equal(0)
    expect(wire.delivered('b').map(({ length }) => length)).to.deep.equal(Array.from({ length: 56 }, (_, i) => 24 + i))
    expect(keys.a.publicKey).to.have.length(32)
  })

  it('WireGuard sends the same bytes for ever, where randomness and times are the same', () => {
    const { wire, send } = world()
    send('a')
    wire.advance(130 * SECOND)
    send('a')
    wire.advance(SECOND)
    send('b')
    wire.advance(60 * SECOND)
    const hash = createHash('sha256')
    for (const end of ['a', 'b']) for (const { bytes } of wire.sent(end)) hash.update(bytes)
    expect(hash.digest('hex')).to.equal(TRANSCRIPT)
  })

  it('WireGuard gives back the cookie that a peer under load asks for, for two minutes', () => {
    const { wire, keys, send, lose } = world()
    lose(() => true)
    send('a')
    const initiation = wire.sent('a')[0]?.bytes ?? new Uint8Array()
    const reply = new Uint8Array(64)
    reply[0] = 3
    reply.set(initiation.subarray(4, 8), 4)
    const nonce = new Uint8Array(24).fill(8)
    reply.set(nonce, 8)
    const key = macKeysOf(new X25519PublicKey(keys.b.publicKey)).cookieKey
    reply.set(xchachaSeal({ key, nonce, associated: initiation.subarray(116, 132) }, new Uint8Array(16).fill(6)), 32)
    wire.input('a', { type: 'datagramReceived', path: 'a-b', datagram: reply })
    wire.advance(80 * SECOND)
    const later = wire.sent('a').map(({ bytes }) => bytes.subarray(132).some((byte) => byte !== 0))
    expect(later).to.deep.equal([false, ...later.slice(1).map(() => true)])
    expect(later.length).to.be.greaterThan(10)
  })

  it('WireGuard takes no cookie that is not for its last initiation', () => {
    const { wire, tunnels, send, lose } = world()
    lose(() => true)
    send('a')
    const initiation = wire.sent('a')[0]?.bytes ?? new Uint8Array()
    const reply = new Uint8Array(64)
    reply[0] = 3
    reply.set(initiation.subarray(4, 8), 4)
    wire.input('a', { type: 'datagramReceived', path: 'a-b', datagram: reply })
    expect(tunnels.a.counters()).to.deep.equal({ 'wrong-cookie': 1 })
  })

  it('WireGuard answers no more than one initiation of a peer in 20 ms', () => {
    const { wire, tunnels, send } = world()
    wire.fate = ({ bytes }) => (bytes[0] === 1 ? [] : [{ bytes }])
    send('a')
    wire.advance(SECOND)
    wire.input('a', { type: 'pathChosen', peer: 'b', path: 'a-b:2' })
    const [first, second] = wire.sent('a').map(({ bytes }) => bytes)
    for (const datagram of [first, second]) {
      wire.input('b', { type: 'datagramReceived', path: 'a-b', datagram: datagram ?? new Uint8Array() })
    }
    expect(tunnels.b.counters()).to.deep.equal({ 'initiation-flood': 1 })
    expect(wire.sent('b')).to.have.length(1)
  })
})

const TRANSCRIPT = 'ef608d11e46a5ab989b7873e7ad23d69a4426d0139524656c9711a971ee2c50a'
