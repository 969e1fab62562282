import type { PeerId, TunnelKeys, TunnelTransport } from '../../core/contract/tunnel-transport.ts'
import { MINUTE, SECOND } from '../../core/runtime/time.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { numberedPacket, numberOf, TunnelWire } from './tunnel-wire.ts'
import { expect, fc } from './libraries.ts'
import { describe, it } from './runner.ts'

/**
 * Tests that every tunnel transport passes, in virtual time: its contract's promises, and attacks. A transport that
 * keeps no secret, for tests only, has to say so.
 */
export const tunnelTransportSuite = (
  name: string,
  create: () => TunnelTransport,
  { isConfidential = true }: { isConfidential?: boolean } = {},
): void => {
  describe(`tunnel transport ${name}`, () => {
    describe('keys', () => {
      it('keys have 32 bytes, differ, and the public one follows from the private one', () => {
        const transport = create()
        const random = new SeededRandom('keys')
        const [one, other] = [transport.generateKeys(random), transport.generateKeys(random)]
        expect([one.privateKey.length, one.publicKey.length]).to.deep.equal([32, 32])
        expect(one.privateKey).not.to.deep.equal(other.privateKey)
        expect(transport.publicKey(one.privateKey)).to.deep.equal(one.publicKey)
      })
    })

    describe('traffic', () => {
      it('traffic goes both ways, unchanged and in order', () => {
        const { world, random } = pair(create())
        const there = [20, 21, 35, 36, 576, 1280, 1420].map((length, index) => numberedPacket(index, random, length))
        const back = there.map((_, index) => numberedPacket(100 + index, random, 1280 - index))
        for (const packet of there) world.input('a', { type: 'packetQueued', peer: 'b', packet })
        world.advance(SECOND)
        for (const packet of back) world.input('b', { type: 'packetQueued', peer: 'a', packet })
        world.advance(SECOND)
        expectSame(world.delivered('b'), there)
        expectSame(world.delivered('a'), back)
      })

      it('traffic is in datagrams as long as the transport says, so that the host knows what fits into a path', () => {
        const transport = create()
        const { world, random } = connected(transport)
        const { privateKey } = transport.generateKeys(random)
        const { datagramBytes } = transport.createTunnel({ privateKey, random, unixAt: world.unixAt })
        if (datagramBytes === undefined) return
        for (const length of [24, 25, 576, 1_279, 1_280, 1_408, 1_420, 8_912]) {
          const before = world.sent('a').length
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random, length) })
          const datagrams = world.sent('a').slice(before)
          expect(datagrams).to.have.length(1)
          expect(datagrams[0]?.bytes.length).to.be.within(length + 1, datagramBytes(length))
        }
      })

      it('the transport leaves the bytes of queued packets alone, and does not need them afterwards', () => {
        const { world, random } = pair(create())
        const packet = numberedPacket(1, random)
        const original = new Uint8Array(packet)
        world.input('a', { type: 'packetQueued', peer: 'b', packet })
        expectSame([packet], [original])
        packet.fill(0)
        world.advance(SECOND)
        expectSame(world.delivered('b'), [original])
      })

      it('each delivered packet names its peer and its path', () => {
        const { world, random } = pair(create())
        world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random) })
        world.advance(SECOND)
        const delivered = world.take('b').find(({ type }) => type === 'deliverPacket')
        expect(delivered).to.include({ peer: 'a', path: 'a-b' })
      })

      const unreadable = () => {
        const { world, random } = pair(create())
        const packet = numberedPacket(1, random, 200)
        world.input('a', { type: 'packetQueued', peer: 'b', packet })
        world.advance(SECOND)
        const piece = Buffer.from(packet.subarray(30, 46))
        for (const { bytes } of world.sent('a')) expect(Buffer.from(bytes).includes(piece)).to.equal(false)
      }
      if (isConfidential) it('is not readable as what was queued', unreadable)

      it('traffic is delivered whatever order the datagrams arrive in, each packet once', () => {
        const { world, random } = connected(create())
        const shuffle = new SeededRandom('order')
        world.fate = ({ bytes }) => [{ bytes, delayMs: shuffle.bytes(1)[0] ?? 0 }]
        for (let number = 0; number < 200; number++) {
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(number, random) })
        }
        world.advance(SECOND)
        const numbers = world.delivered('b').map(numberOf)
        expect(numbers).not.to.deep.equal(numbers.toSorted((x, y) => x - y))
        expect(numbers.toSorted((x, y) => x - y)).to.deep.equal(Array.from({ length: 200 }, (_, number) => number))
      })

      it('traffic survives a fifth of all datagrams being lost', () => {
        const { world, random } = pair(create())
        const dice = new SeededRandom('loss')
        world.fate = ({ bytes }) => ((dice.bytes(1)[0] ?? 0) < 51 ? [] : [{ bytes }])
        let delivered = 0
        for (let second = 0; second < 600; second++) {
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(second, random) })
          world.advance(SECOND)
          delivered += world.delivered('b').length
        }
        expect(delivered).to.be.greaterThan(400)
        expect(world.take('a').map(({ type }) => type)).not.to.include('peerUnresponsive')
      })

      it('traffic continues through ten minutes of both directions without losing a packet, new sessions included', () => {
        const { world, random } = pair(create())
        const expected: number[] = []
        const got: number[] = []
        for (let tick = 0; tick < 600; tick++) {
          const [from, to] = tick % 3 === 0 ? ['b', 'a'] : ['a', 'b']
          world.input(from ?? '', { type: 'packetQueued', peer: to ?? '', packet: numberedPacket(tick, random) })
          expected.push(tick)
          world.advance(SECOND)
          got.push(...world.delivered('a').map(numberOf), ...world.delivered('b').map(numberOf))
        }
        expect(got).to.deep.equal(expected)
      })

      it('traffic stops by itself: an idle pair sends nothing more', () => {
        const { world } = connected(create())
        world.advance(60 * SECOND)
        const before = world.sent('a').length + world.sent('b').length
        world.advance(3_600 * SECOND)
        expect(world.sent('a').length + world.sent('b').length).to.equal(before)
      })
    })

    const secrecy = () => {
      it('never uses a key with the same nonce again: equal packets have nothing in common when they are sealed', () => {
        const { world, restart } = pair(create())
        for (let beginning = 0; beginning < 2; beginning++) {
          for (let round = 0; round < 4; round++) {
            for (let packets = 0; packets < 3; packets++) {
              world.input('a', { type: 'packetQueued', peer: 'b', packet: LONG })
              world.advance(SECOND)
              world.input('b', { type: 'packetQueued', peer: 'a', packet: LONG })
              world.advance(SECOND)
            }
            world.advance(100 * SECOND)
          }
          restart('b')
          restart('a')
        }
        const sealed = [...world.sent('a'), ...world.sent('b')].filter(({ bytes }) => bytes.length >= LONG.length)
        expect(sealed.length).to.be.at.least(40)
        expectNothingInCommon(sealed.map(({ bytes }) => bytes))
      })

      it('has data keys that follow from both private keys and the pre-shared key, and from nothing that all have', () => {
        const sealedBy = (options: Partial<PairOptions>): Uint8Array => {
          const { world } = connected(create(), options)
          world.input('a', { type: 'packetQueued', peer: 'b', packet: LONG })
          return world.sent('a').at(-1)?.bytes ?? new Uint8Array()
        }
        const other = new Uint8Array(32).fill(8)
        const sealed = [{}, { pskOfA: other, pskOfB: other }, { keysOfA: 'another' }, { keysOfB: 'another' }].map(
          sealedBy,
        )
        for (const bytes of sealed) expect(bytes.length).to.be.at.least(LONG.length)
        expectNothingInCommon(sealed)
      })

      it('makes new keys while packets go on, and says so', () => {
        const { world, random } = connected(create())
        let renewals = 0
        for (let second = 0; second < 600; second++) {
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(second, random) })
          world.advance(SECOND)
          renewals += world.take('b').filter(({ type }) => type === 'sessionEstablished').length
        }
        expect(renewals).to.be.at.least(1)
      })

      for (const [from, to] of [
        ['a', 'b'],
        ['b', 'a'],
      ] as const) {
        it(`ends keys that it cannot renew: nothing goes from ${from} to ${to} ten minutes after ${to} was heard last`, () => {
          const { world, random } = connected(create())
          world.fate = (datagram) => (datagram.from === to ? [] : [{ bytes: datagram.bytes }])
          const talk = (seconds: number): number => {
            for (let second = 0; second < seconds; second++) {
              world.input(from, { type: 'packetQueued', peer: to, packet: numberedPacket(second, random) })
              world.advance(SECOND)
            }
            return world.delivered(to).length
          }
          expect(talk(10)).to.be.greaterThan(0)
          talk(KEYS_END_AFTER_MS / SECOND)
          expect(talk(60)).to.equal(0)
        })
      }

      for (const [from, to] of [
        ['a', 'b'],
        ['b', 'a'],
      ] as const) {
        it(`ends keys of an idle pair: nothing that ${from} seals ten minutes later, without an answer, is opened by ${to}`, () => {
          const { world } = connected(create())
          world.advance(KEYS_END_AFTER_MS)
          world.fate = (datagram) => (datagram.from === to ? [] : [{ bytes: datagram.bytes }])
          world.delivered(to)
          world.input(from, { type: 'packetQueued', peer: to, packet: LONG })
          world.advance(10 * SECOND)
          expect(world.delivered(to)).to.deep.equal([])
        })
      }

      it('forgets keys: does not open a datagram that was held back for ten minutes', () => {
        const { world, random } = connected(create())
        let held: Uint8Array | undefined
        world.fate = ({ bytes, from }) => {
          if (held !== undefined || from !== 'a') return [{ bytes }]
          held = bytes
          return []
        }
        world.input('a', { type: 'packetQueued', peer: 'b', packet: LONG })
        for (let second = 0; second < KEYS_END_AFTER_MS / SECOND; second++) {
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(second, random) })
          world.advance(SECOND)
        }
        world.take('b')
        if (held === undefined) throw new Error('nothing was sent')
        world.input('b', { type: 'datagramReceived', path: 'a-b', datagram: held })
        expect(world.delivered('b')).to.deep.equal([])
      })

      it('exports, if it exports any, keys that are new for each session and direction, and that end', () => {
        if (create().keyFormat === undefined) return
        const { world, restart } = pair(create(), { exportsKeys: true })
        const seen = new Set<string>(['00'.repeat(32)])
        for (let session = 0; session < 3; session++) {
          world.input('a', { type: 'connectRequested', peer: 'b' })
          world.advance(SECOND)
          const [ofA, ofB] = (['a', 'b'] as const).map((end) =>
            world.take(end).flatMap((output) => (output.type === 'installKeys' ? [output.keys] : [])),
          )
          const [mine, theirs] = [ofA?.at(-1), ofB?.at(-1)]
          if (mine === undefined || theirs === undefined) throw new Error('there are no keys')
          expectSame([mine.sendKey, mine.receiveKey], [theirs.receiveKey, theirs.sendKey])
          for (const key of [mine.sendKey, mine.receiveKey]) {
            const text = Buffer.from(key).toString('hex')
            expect(seen, 'keys before').not.to.include(text)
            seen.add(text)
          }
          for (const { expiresAt } of [mine, theirs]) {
            expect(expiresAt).to.be.within(world.now, world.now + KEYS_END_AFTER_MS)
          }
          restart('b')
          restart('a')
        }
      })
    }
    if (isConfidential) describe('secrecy', secrecy)

    describe('packets before there is a session', () => {
      it('packets before a session are kept and sent in order, the oldest of more than 128 dropped and counted', () => {
        const { world, random, a } = pair(create())
        for (let number = 0; number < 200; number++) {
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(number, random) })
        }
        world.advance(SECOND)
        expect(world.delivered('b').map(numberOf)).to.deep.equal(Array.from({ length: 128 }, (_, index) => 72 + index))
        expect(countOf(a.counters())).to.equal(72)
      })

      it('packets before a session wait for a path', () => {
        const { world, random } = pair(create(), { path: undefined })
        world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(7, random) })
        world.advance(20 * SECOND)
        expect(world.sent('a')).to.have.length(0)
        world.input('a', { type: 'pathChosen', peer: 'b', path: 'a-b' })
        world.advance(SECOND)
        expect(world.delivered('b').map(numberOf)).to.deep.equal([7])
      })

      it('packets of both sides go through when both begin at once', () => {
        for (const headStart of [0, 5, 10, 15]) {
          const { world, random } = pair(create())
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random) })
          world.advance(headStart)
          world.input('b', { type: 'packetQueued', peer: 'a', packet: numberedPacket(2, random) })
          world.advance(20 * SECOND)
          for (const number of [3, 4]) {
            world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(number, random) })
            world.input('b', { type: 'packetQueued', peer: 'a', packet: numberedPacket(number, random) })
          }
          world.advance(SECOND)
          expect(world.delivered('b').map(numberOf), `head start ${headStart}`).to.deep.equal([1, 3, 4])
          expect(world.delivered('a').map(numberOf), `head start ${headStart}`).to.deep.equal([2, 3, 4])
        }
      })
    })

    describe('a session', () => {
      it('a session is begun on request, and told to both sides', () => {
        const { world } = pair(create())
        world.input('a', { type: 'connectRequested', peer: 'b' })
        world.advance(SECOND)
        expect(world.take('a')).to.deep.equal([{ type: 'sessionEstablished', peer: 'b' }])
        expect(world.take('b')).to.deep.equal([{ type: 'sessionEstablished', peer: 'a' }])
      })

      for (const side of ['a', 'b']) {
        for (let ordinal = 0; ordinal < 3; ordinal++) {
          it(`a session comes about though datagram ${ordinal + 1} of ${side} is lost`, () => {
            const { world, random } = pair(create())
            world.fate = (datagram) =>
              datagram.from === side && datagram.ordinal === ordinal ? [] : [{ bytes: datagram.bytes }]
            world.input('a', { type: 'connectRequested', peer: 'b' })
            world.advance(30 * SECOND)
            world.input('b', { type: 'packetQueued', peer: 'a', packet: numberedPacket(1, random) })
            world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(2, random) })
            world.advance(30 * SECOND)
            // The datagram that is lost may be the one that carries the packet: what comes after it must arrive.
            world.input('b', { type: 'packetQueued', peer: 'a', packet: numberedPacket(3, random) })
            world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(4, random) })
            world.advance(SECOND)
            expect(world.delivered('a').map(numberOf)).to.include(3)
            expect(world.delivered('b').map(numberOf)).to.include(4)
          })
        }
      }

      it('a session comes about though every datagram is doubled', () => {
        const { world, random } = pair(create())
        world.fate = ({ bytes }) => [{ bytes }, { bytes, delayMs: 3 }]
        for (let number = 0; number < 5; number++) {
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(number, random) })
          world.advance(SECOND)
        }
        expect(world.delivered('b').map(numberOf)).to.deep.equal([0, 1, 2, 3, 4])
      })

      it('a session that nobody answers is given up after 90 s, reported once, and waiting packets are dropped', () => {
        const { world, random } = pair(create())
        world.fate = () => []
        world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random) })
        world.advance(89 * SECOND)
        expect(world.take('a')).to.deep.equal([])
        world.advance(15 * SECOND)
        expect(world.take('a')).to.deep.equal([{ type: 'peerUnresponsive', peer: 'b' }])
        const sent = world.sent('a').length
        expect(sent).to.be.within(10, 20)
        world.advance(600 * SECOND)
        expect(world.sent('a')).to.have.length(sent)
        world.fate = ({ bytes }) => [{ bytes }]
        world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(2, random) })
        world.advance(SECOND)
        expect(world.delivered('b').map(numberOf)).to.deep.equal([2])
      })

      it('a session is made anew after the other side was restarted, without anybody being told', () => {
        const { world, random, restart } = connected(create())
        restart('b')
        for (let second = 0; second < 40; second++) {
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(second, random) })
          world.advance(SECOND)
        }
        expect(world.delivered('b').map(numberOf)).to.include(39)
      })

      it('a session is left as it is when its peer is added again with the same keys', () => {
        const { world, random, keys } = connected(create())
        world.input('a', { type: 'peerAdded', peer: 'b', publicKey: keys.b.publicKey, presharedKey: PSK, path: 'a-b' })
        const before = world.sent('a').length
        world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random) })
        world.advance(SECOND)
        expect(world.delivered('b').map(numberOf)).to.deep.equal([1])
        expect(world.sent('a')).to.have.length(before + 1)
      })

      it('a session follows its peer to another path', () => {
        const { world, random } = connected(create())
        world.input('a', { type: 'pathChosen', peer: 'b', path: 'a-b:lte' })
        world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random) })
        world.advance(SECOND)
        world.input('b', { type: 'packetQueued', peer: 'a', packet: numberedPacket(2, random) })
        world.advance(SECOND)
        expect(world.delivered('a').map(numberOf)).to.deep.equal([2])
        expect(world.sent('b').at(-1)?.path).to.equal('a-b:lte')
      })

      it('a session does not follow a datagram that was held back and sent on from elsewhere', () => {
        const { world, random } = connected(create())
        world.fate = ({ bytes, ordinal, from }) =>
          from === 'a' && ordinal === held ? [{ bytes, delayMs: 500, path: 'a-b:elsewhere' }] : [{ bytes }]
        const held = world.sent('a').length
        for (const number of [1, 2, 3]) {
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(number, random) })
        }
        world.advance(SECOND)
        expect(world.delivered('b').map(numberOf)).to.deep.equal([2, 3, 1])
        world.input('b', { type: 'packetQueued', peer: 'a', packet: numberedPacket(4, random) })
        expect(world.sent('b').at(-1)?.path).to.equal('a-b')
      })
    })

    describe('P9 strangers', () => {
      const strangers: { title: string; options: Partial<PairOptions> }[] = [
        { title: 'whose key is unknown', options: { bKnowsA: false } },
        { title: 'with another pre-shared key', options: { pskOfA: new Uint8Array(32).fill(9) } },
        { title: 'without the pre-shared key', options: { pskOfA: undefined } },
        { title: 'with the private key of somebody else', options: { bKnowsA: 'another key' } },
      ]
      for (const { title, options } of strangers) {
        it(`P9 ${title} get no session and no packet through`, () => {
          const { world, random, b } = pair(create(), options)
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random) })
          world.advance(30 * SECOND)
          expect(world.take('b')).to.deep.equal([])
          expect(world.take('a').map(({ type }) => type)).not.to.include('sessionEstablished')
          if (options.bKnowsA !== undefined) {
            expect(world.sent('b')).to.have.length(0)
            expect(countOf(b.counters())).to.be.greaterThan(0)
          }
        })
      }

      it('P9 random bytes of a stranger get no answer, and each is counted with a reason', () => {
        const { world, b } = pair(create())
        const random = new SeededRandom('noise')
        for (let index = 0; index < 300; index++) {
          world.input('b', { type: 'datagramReceived', path: 'x-b', datagram: random.bytes(index) })
        }
        world.advance(30 * SECOND)
        expect(world.sent('b')).to.have.length(0)
        expect(world.take('b')).to.deep.equal([])
        expect(countOf(b.counters())).to.equal(300)
      })

      it('P9 peers are strangers once they are removed', () => {
        const { world, random } = connected(create())
        world.input('b', { type: 'peerRemoved', peer: 'a' })
        const before = world.sent('b').length
        for (let second = 0; second < 40; second++) {
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(second, random) })
          world.advance(SECOND)
        }
        expect(world.delivered('b')).to.deep.equal([])
        expect(world.sent('b')).to.have.length(before)
      })

      it('P9 a stranger with the key that a peer had before gets nothing', () => {
        const transport = create()
        const { world, random } = connected(transport)
        const fresh = transport.generateKeys(random)
        world.input('b', { type: 'peerAdded', peer: 'a', publicKey: fresh.publicKey, presharedKey: PSK })
        const before = world.sent('b').length
        world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random) })
        world.advance(30 * SECOND)
        expect(world.delivered('b')).to.deep.equal([])
        expect(world.sent('b')).to.have.length(before)
      })

      it('P9 a peer that is removed while a handshake is under way is not spoken to again', () => {
        const { world, random } = pair(create())
        world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random) })
        world.input('a', { type: 'peerRemoved', peer: 'b' })
        world.advance(600 * SECOND)
        expect(world.sent('a')).to.have.length(1)
        expect(world.take('a')).to.deep.equal([])
      })
    })

    describe('attacks', () => {
      it('attacks: datagrams with any changed byte never yield a packet that was not sent', () => {
        const { world, random } = pair(create())
        const sent: Uint8Array[] = []
        const flips = new SeededRandom('flips')
        world.fate = ({ bytes }) => {
          const position = (((flips.bytes(1)[0] ?? 0) << 8) | (flips.bytes(1)[0] ?? 0)) % bytes.length
          const changed = new Uint8Array(bytes)
          changed[position] = (changed[position] ?? 0) ^ (1 << ((flips.bytes(1)[0] ?? 0) % 8))
          return [{ bytes: changed }, { bytes, delayMs: 1 }]
        }
        for (let number = 0; number < 100; number++) {
          const packet = numberedPacket(number, random)
          sent.push(packet)
          world.input('a', { type: 'packetQueued', peer: 'b', packet })
          world.advance(SECOND)
        }
        expectSame(world.delivered('b'), sent)
      })

      it('attacks: datagrams that are cut or lengthened never yield a packet', () => {
        const { world, random } = connected(create())
        world.fate = ({ bytes }) => [
          ...Array.from({ length: bytes.length }, (_, length) => ({ bytes: bytes.subarray(0, length) })),
          { bytes: new Uint8Array([...bytes, 0]) },
        ]
        world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random) })
        world.advance(SECOND)
        expect(world.delivered('b')).to.deep.equal([])
      })

      it('attacks: replayed datagrams of all sorts yield nothing: no packet, no session, no answer', () => {
        const { world, random, b } = pair(create())
        for (let number = 0; number < 20; number++) {
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(number, random) })
          world.advance(SECOND)
        }
        world.take('b')
        const said = [...world.sent('a')]
        const answers = world.sent('b').length
        for (const { bytes } of said) world.input('b', { type: 'datagramReceived', path: 'x-b', datagram: bytes })
        expect(world.take('b')).to.deep.equal([])
        expect(world.sent('b')).to.have.length(answers)
        expect(countOf(b.counters())).to.equal(said.length)
        world.input('b', { type: 'packetQueued', peer: 'a', packet: numberedPacket(99, random) })
        expect(world.sent('b').at(-1)?.path).to.equal('a-b')
      })

      it('attacks: an end’s own datagrams, sent back to it, yield nothing', () => {
        const { world, random } = pair(create())
        world.fate = ({ bytes }) => [{ bytes }]
        world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random) })
        world.advance(SECOND)
        world.take('a')
        const said = [...world.sent('a')]
        for (const { bytes } of said) world.input('a', { type: 'datagramReceived', path: 'a-b', datagram: bytes })
        expect(world.take('a')).to.deep.equal([])
        expect(world.sent('a')).to.have.length(said.length)
      })

      it('attacks: random bytes behind a true beginning never throw and never yield a packet', () => {
        const { world, random } = connected(create())
        world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1, random) })
        const beginnings = [...world.sent('a'), ...world.sent('b')].map(({ bytes }) => bytes)
        world.advance(SECOND)
        world.take('b')
        fc.assert(
          fc.property(
            fc.constantFrom(...beginnings),
            fc.nat({ max: 160 }),
            fc.uint8Array({ maxLength: 160 }),
            (whole, kept, tail) => {
              const datagram = new Uint8Array([...whole.subarray(0, kept), ...tail])
              fc.pre(!beginnings.some((other) => Buffer.compare(other, datagram) === 0))
              world.input('b', { type: 'datagramReceived', path: 'a-b', datagram })
              expect(world.take('b')).to.deep.equal([])
            },
          ),
          { numRuns: 500 },
        )
      })
    })

    it('the transport counts what concerns a peer that was not added, and does not throw', () => {
      const { world, random, a } = pair(create())
      world.input('a', { type: 'packetQueued', peer: 'nobody', packet: numberedPacket(1, random) })
      world.input('a', { type: 'peerRemoved', peer: 'nobody' })
      world.input('a', { type: 'connectRequested', peer: 'nobody' })
      world.input('a', { type: 'pathChosen', peer: 'nobody', path: 'a-x' })
      expect(countOf(a.counters())).to.equal(4)
    })

    it('the transport does the same again with the same randomness and times', () => {
      const run = () => {
        const { world, random } = pair(create())
        for (let number = 0; number < 3; number++) {
          world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(number, random) })
          world.advance(70 * SECOND)
        }
        return [...world.sent('a'), ...world.sent('b')].map(({ bytes }) => Buffer.from(bytes).toString('hex'))
      }
      expect(run()).to.deep.equal(run())
    })

    it('the transport serves many peers at one end', () => {
      const transport = create()
      const random = new SeededRandom('many')
      const world = new TunnelWire()
      const hub = transport.generateKeys(random)
      const tunnel = (keys: TunnelKeys) =>
        transport.createTunnel({ privateKey: keys.privateKey, random, unixAt: world.unixAt })
      world.attach('hub', tunnel(hub))
      const names = Array.from({ length: 20 }, (_, index) => `spoke${index}`)
      for (const peer of names) {
        const keys = transport.generateKeys(random)
        world.attach(peer, tunnel(keys))
        world.input('hub', { type: 'peerAdded', peer, publicKey: keys.publicKey })
        world.input(peer, { type: 'peerAdded', peer: 'hub', publicKey: hub.publicKey, path: `${peer}-hub` })
      }
      for (const [index, peer] of names.entries()) {
        world.input(peer, { type: 'packetQueued', peer: 'hub', packet: numberedPacket(index, random) })
      }
      world.advance(SECOND)
      const delivered = world
        .take('hub')
        .flatMap((output) =>
          output.type === 'deliverPacket' ? [{ peer: output.peer, number: numberOf(output.packet) }] : [],
        )
      expect(delivered).to.have.deep.members(names.map((peer, number) => ({ peer, number })))
    })
  })
}

interface PairOptions {
  path: string | undefined
  pskOfA: Uint8Array | undefined
  pskOfB: Uint8Array
  /** Seeds of the private keys. */
  keysOfA: string
  keysOfB: string
  exportsKeys: boolean
  bKnowsA: boolean | 'another key'
}

const PSK = new Uint8Array(32).fill(7)

/** Age at which data keys are over at the latest, by the contract of `Tunnel`. */
const KEYS_END_AFTER_MS = 10 * MINUTE

/** A packet that is longer than any datagram of a handshake. */
const LONG = numberedPacket(1, new SeededRandom('long'), 1_200)

const DEFAULTS: PairOptions = {
  path: 'a-b',
  pskOfA: PSK,
  pskOfB: PSK,
  keysOfA: 'a',
  keysOfB: 'b',
  exportsKeys: false,
  bKnowsA: true,
}

/** Two ends, a and b, that know each other unless it is said otherwise; only a knows the path between them. */
const pair = (transport: TunnelTransport, options: Partial<PairOptions> = {}) => {
  const { path, pskOfA, pskOfB, keysOfA, keysOfB, exportsKeys, bKnowsA } = { ...DEFAULTS, ...options }
  const random = new SeededRandom('pair')
  const world = new TunnelWire()
  const keys = {
    a: transport.generateKeys(new SeededRandom(keysOfA)),
    b: transport.generateKeys(new SeededRandom(keysOfB)),
  }
  const create = (name: 'a' | 'b') =>
    transport.createTunnel({
      privateKey: keys[name].privateKey,
      random,
      unixAt: world.unixAt,
      ...(exportsKeys ? { exportsKeys } : {}),
    })
  const add = (at: string, peer: PeerId, peerOptions: { publicKey: Uint8Array; psk: Uint8Array | undefined }) => {
    const { publicKey, psk } = peerOptions
    world.input(at, {
      type: 'peerAdded',
      peer,
      publicKey,
      ...(psk === undefined ? {} : { presharedKey: psk }),
      ...(path === undefined ? {} : { path }),
    })
  }
  const [a, b] = [create('a'), create('b')]
  world.attach('a', a)
  world.attach('b', b)
  const addTo = {
    a: () => add('a', 'b', { publicKey: keys.b.publicKey, psk: pskOfA }),
    b: () => {
      if (bKnowsA === false) return
      const known = bKnowsA === true ? keys.a : transport.generateKeys(random)
      add('b', 'a', { publicKey: known.publicKey, psk: pskOfB })
    },
  }
  addTo.a()
  addTo.b()
  const restart = (name: 'a' | 'b') => {
    world.attach(name, create(name))
    addTo[name]()
  }
  return { world, random, keys, a, b, restart }
}

/** A pair with a session that has carried a packet each way. */
const connected = (transport: TunnelTransport, options: Partial<PairOptions> = {}) => {
  const made = pair(transport, options)
  const { world, random } = made
  world.input('a', { type: 'packetQueued', peer: 'b', packet: numberedPacket(1_000, random) })
  world.advance(SECOND)
  world.input('b', { type: 'packetQueued', peer: 'a', packet: numberedPacket(1_001, random) })
  world.advance(SECOND)
  expect(world.delivered('b').map(numberOf)).to.deep.equal([1_000])
  expect(world.delivered('a').map(numberOf)).to.deep.equal([1_001])
  world.take('a')
  world.take('b')
  return made
}

const expectSame = (actual: readonly Uint8Array[], expected: readonly Uint8Array[]): void => {
  expect(actual.map((bytes) => Buffer.from(bytes).toString('hex'))).to.deep.equal(
    expected.map((bytes) => Buffer.from(bytes).toString('hex')),
  )
}

/** Checks that no two datagrams have as many bytes in a row in common, at one place, as equal packets under equal keys and nonces would. */
const expectNothingInCommon = (datagrams: readonly Uint8Array[]): void => {
  for (const [at, one] of datagrams.entries()) {
    for (const other of datagrams.slice(at + 1)) expect(longestRun(one, other), 'equal bytes in a row').to.be.below(32)
  }
}

const longestRun = (one: Uint8Array, other: Uint8Array): number => {
  let [longest, run] = [0, 0]
  for (let at = 0; at < Math.min(one.length, other.length); at++) {
    run = one[at] === other[at] ? run + 1 : 0
    if (run > longest) longest = run
  }
  return longest
}

/** All that was dropped, for whatever reasons: these are spelt alike everywhere. */
const countOf = (counters: Readonly<Record<string, number>>): number => {
  for (const reason of Object.keys(counters)) expect(reason).to.match(/^[a-z\d]+(?:-[a-z\d]+)*$/)
  return Object.values(counters).reduce((sum, count) => sum + count, 0)
}
