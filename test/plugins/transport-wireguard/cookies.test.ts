import { expect } from 'chai'
import { describe, it } from 'mocha'
import { after, instant, SECOND } from '../../../core/runtime/time.ts'
import { HandshakeRate } from '../../../plugins/transport-wireguard/handshake-load.ts'
import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { TunnelWire } from '../../conformance/tunnel-wire.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

const ALWAYS = { arrived: () => true }
const COOKIE_REPLY_BYTES = 64

const pair = ({ loaded }: { loaded: boolean }) => {
  const random = new SeededRandom('cookies')
  const wire = new TunnelWire()
  const plain = new WireGuardTransport()
  const [a, b] = [plain.generateKeys(random), plain.generateKeys(random)]
  const end = (transport: WireGuardTransport, privateKey: Uint8Array) =>
    transport.createTunnel({ privateKey, random, unixAt: wire.unixAt })
  const there = end(loaded ? new WireGuardTransport({ load: ALWAYS }) : plain, b.privateKey)
  wire.attach('a', end(plain, a.privateKey))
  wire.attach('b', there)
  wire.input('a', { type: 'peerAdded', peer: 'b', publicKey: b.publicKey, path: 'a-b' })
  wire.input('b', { type: 'peerAdded', peer: 'a', publicKey: a.publicKey })
  return { wire, there }
}

const established = (wire: TunnelWire, end: string): boolean =>
  wire.take(end).some(({ type }) => type === 'sessionEstablished')

const difference = (after: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>) =>
  Object.fromEntries(
    Object.entries(after)
      .map(([reason, count]) => [reason, count - (before[reason] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  )

describe('T9 cookies', () => {
  it('T9 under load, a sender that knows our key has to prove its address by a cookie, and gets a session', () => {
    const { wire, there } = pair({ loaded: true })
    wire.input('a', { type: 'connectRequested', peer: 'b' })
    wire.advance(SECOND)
    expect(wire.sent('b').map(({ bytes }) => bytes.length)).to.deep.equal([COOKIE_REPLY_BYTES])
    expect(established(wire, 'a')).to.equal(false)
    wire.advance(6 * SECOND)
    expect(established(wire, 'a')).to.equal(true)
    expect(there.counters()).to.deep.equal({ 'cookie-sent': 1 })
  })

  it('T9 a cookie is of no use on another path, nor after two minutes', () => {
    const { wire, there } = pair({ loaded: true })
    wire.input('a', { type: 'connectRequested', peer: 'b' })
    // Every datagram of a but the first comes by another path than the one that the cookie was given on.
    wire.fate = ({ bytes, from, ordinal }) => [
      { bytes, ...(from === 'a' && ordinal > 0 ? { path: 'a-b:elsewhere' } : {}) },
    ]
    wire.advance(6 * SECOND)
    expect(there.counters()).to.deep.equal({ 'cookie-sent': 2 })
    wire.fate = ({ bytes, from }) => (from === 'b' ? [] : [{ bytes }])
    wire.advance(60 * SECOND)
    expect(established(wire, 'a')).to.equal(false)
  })

  it('T9 under load, a sender that shows its cookie again and again costs no more than 25 handshakes at once, 125 a second', () => {
    const { wire, there } = pair({ loaded: true })
    wire.input('a', { type: 'connectRequested', peer: 'b' })
    wire.advance(6 * SECOND)
    const [, withCookie] = wire.sent('a').filter(({ bytes }) => bytes[0] === 1)
    const flood = (count: number, path: string): void => {
      for (let time = 0; time < count; time++) {
        wire.input('b', { type: 'datagramReceived', path, datagram: withCookie?.bytes ?? new Uint8Array() })
      }
    }
    const before = there.counters()
    flood(100, 'a-b')
    // Read, each of them, until the source had cost enough.
    expect(difference(there.counters(), before)).to.deep.equal({ 'replayed-initiation': 25, 'source-flood': 75 })
    wire.advance(SECOND)
    flood(100, 'a-b')
    expect(difference(there.counters(), before)).to.deep.equal({ 'replayed-initiation': 50, 'source-flood': 150 })
  })

  it('P9 without a right mac1 nothing is answered, under load neither', () => {
    const { wire, there } = pair({ loaded: true })
    wire.fate = ({ bytes }) => {
      const changed = bytes.slice()
      changed[120] = (changed[120] ?? 0) ^ 1
      return [{ bytes: changed }]
    }
    wire.input('a', { type: 'connectRequested', peer: 'b' })
    wire.advance(20 * SECOND)
    expect(wire.sent('b')).to.have.length(0)
    expect(Object.keys(there.counters())).to.deep.equal(['wrong-mac1'])
  })

  it('T9 nobody is asked for a cookie while there is no load', () => {
    const { wire, there } = pair({ loaded: false })
    wire.input('a', { type: 'connectRequested', peer: 'b' })
    wire.advance(SECOND)
    expect(established(wire, 'a')).to.equal(true)
    expect(there.counters()).to.deep.equal({})
  })

  it('T9 an end is under load from the first handshake beyond a rate, until a second after the last', () => {
    const rate = new HandshakeRate({ maxPerSecond: 3 })
    const at = (milliseconds: number): boolean => rate.arrived(after(instant(0), milliseconds))
    expect([0, 10, 20].map(at)).to.deep.equal([false, false, false])
    expect([30, 500, 999].map(at)).to.deep.equal([true, true, true])
    expect(at(1_500)).to.equal(true)
    expect(at(2_600)).to.equal(false)
  })
})
