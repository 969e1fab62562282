import { expect } from 'chai'
import * as fc from 'fast-check'
import { after, describe, it } from 'mocha'
import { expandFrame } from '../../../core/net/offload.ts'
import { instant } from '../../../core/runtime/time.ts'
import { encodeChannelData, readChannelData } from '../../../core/turn/channel-data.ts'
import { loadAddon } from '../../../hosts/runtime/native/addon.ts'
import { buildPacket } from '../../kit/packet-builder.ts'
import { SealingBench, plainFrame } from '../../kit/sealing-bench.ts'
import { buildFrame, frameParts } from '../../kit/tcp-frames.ts'

const expand = (frame: Uint8Array): Uint8Array[] | string => {
  const packets: Uint8Array[] = []
  return expandFrame(frame.slice(), packets, (bytes) => new Uint8Array(bytes)) ?? packets
}

/** A packet of a TCP flow's data, numbered. */
const dataPacket = ({
  from = 0,
  length = 1_200,
  ...rest
}: {
  from?: number
  length?: number
  flags?: string
  sourcePort?: number
  id?: number
}) =>
  buildPacket({
    source: '192.0.2.1',
    destination: '192.0.2.2',
    flags: rest.flags ?? 'A',
    sequence: from,
    identification: rest.id ?? 0,
    sourcePort: rest.sourcePort ?? 40_000,
    payload: new Uint8Array(length).map((_, at) => from + at),
  })

const CIPHERS = [
  [1, 'EVP'],
  [2, 'OpenSSL’s primitives'],
] as const

for (const [kind, named] of CIPHERS) {
  describe(`the native lane with ${named}`, function () {
    this.timeout(300_000)
    const best = loadAddon().cipher()
    if (best < kind) return
    const bench = (): SealingBench => {
      loadAddon().chooseCipher(kind)
      return new SealingBench()
    }

    after(() => {
      loadAddon().chooseCipher(best)
    })

    it('the native lane seals the packets that a frame stands for, in order, as TypeScript cuts and opens them', () => {
      fc.assert(
        fc.property(fc.array(frameParts, { minLength: 1, maxLength: 4 }), (parts) => {
          const frames = parts.map(buildFrame)
          const { seal, openHere } = bound(bench())
          const expected = frames.map(expand).flatMap((packets) => (typeof packets === 'string' ? [] : packets))
          expect(seal(frames).map(openHere)).to.deep.equal(expected)
        }),
        { numRuns: 60 },
      )
    })

    it('the native lane drops a wrong frame for the same reason as TypeScript, and seals it where that lets it pass', () => {
      const damaged = fc.tuple(frameParts, fc.array(fc.tuple(fc.nat(70), fc.nat(255)), { maxLength: 4 }), fc.nat(80))
      fc.assert(
        fc.property(damaged, ([parts, changes, cutTo]) => {
          const built = buildFrame({ ...parts, payload: parts.payload.subarray(0, 2_000) })
          const frame = cutTo < 60 ? built.slice(0, cutTo) : built
          for (const [at, value] of changes) if (at < frame.length) frame[at] = value
          if (frame.length === 10) return
          const made = bench()
          const expected = expand(frame)
          const opened = made.seal([frame]).map((datagram) => made.session.open(dataOf(datagram), made.now))
          if (typeof expected === 'string') {
            expect(opened).to.have.length(0)
            expect(made.drops()).to.deep.equal({ [expected]: 1 })
          } else {
            const plains = opened.map((one) => (one.type === 'opened' ? one.plain : new Uint8Array(0)))
            expect(plains.map((plain, at) => plain.subarray(0, expected[at]?.length))).to.deep.equal(expected)
          }
        }),
        { numRuns: 1_500 },
      )
    })

    it('the native lane opens what TypeScript sealed, joined and cut again without a difference', () => {
      const packet = fc.oneof(
        {
          weight: 6,
          arbitrary: fc.record({ length: fc.constantFrom(100, 100, 100, 40), push: fc.boolean(), flow: fc.nat(1) }),
        },
        { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 100 }) },
        { weight: 1, arbitrary: fc.constant('keepalive' as const) },
      )
      fc.assert(
        fc.property(fc.array(packet, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (plans, perMessage) => {
          const made = bench()
          const sequences = [0, 0]
          const packets = plans.map((plan) => {
            if (plan === 'keepalive') return new Uint8Array(0)
            if (plan instanceof Uint8Array) return plan
            const from = sequences[plan.flow] ?? 0
            sequences[plan.flow] = from + plan.length
            const flags = plan.push ? 'PA' : 'A'
            return dataPacket({ from, length: plan.length, flags, sourcePort: 40_000 + plan.flow, id: from / 20 })
          })
          const oracle = new SealingBench()
          const datagrams = packets.map((one) => made.session.seal(one))
          const frames = made.open(asMessages(datagrams, perMessage)).filter(({ bytes }) => bytes.length > 0)
          const expected = oracle
            .seal(packets.filter(({ length }) => length > 0).map(plainFrame))
            .map(oracle.openHere.bind(oracle))
          const usable = expected.filter((one) => typeof one !== 'string')
          const opened = frames.flatMap(({ bytes }) => [expand(bytes)].flat())
          expect(opened.map(withoutId)).to.deep.equal(usable.map(withoutId))
        }),
        { numRuns: 150 },
      )
    })

    it('the native lane joins what comes in order to one frame, and ends it where something is pushed or shorter', () => {
      const made = bench()
      const packets = [0, 1_200, 2_400].map((from) => dataPacket({ from, id: from / 1_200 }))
      packets.push(dataPacket({ from: 3_600, id: 3, flags: 'PA', length: 300 }), dataPacket({ from: 3_900, id: 4 }))
      const separate = made.open(packets.map((packet) => [made.session.seal(packet)]))
      expect(separate.map(({ isSuper, bytes }) => [isSuper, bytes.length])).to.deep.equal([
        [true, 10 + 40 + 3_900],
        [false, 10 + 40 + 1_200],
      ])
    })

    it('the native lane joins nothing whose checksum does not hold', () => {
      const made = bench()
      const packets = [0, 1_200, 2_400].map((from) => dataPacket({ from, id: from / 1_200 }))
      const second = packets[1]
      if (second !== undefined) second[700] = (second[700] ?? 0) ^ 1
      const rows = made.open([packets.map((packet) => made.session.seal(packet))])
      expect(rows.map(({ bytes }) => bytes.subarray(10))).to.deep.equal(packets)
    })

    it('the native lane refuses replays, forgeries, strangers and expired sessions as TypeScript does', () => {
      const made = bench()
      const oracle = bench()
      const datagrams = Array.from({ length: 400 }, (_, n) =>
        made.session.seal(dataPacket({ from: n * 40, length: 40 })),
      )
      const sender = new SealingBench()
      const sealedHere = sender.seal(Array.from({ length: 9_000 }, () => new Uint8Array(10)))
      // The replay windows of both sides see the same order of arrivals.
      const order = [0, 5, 3, 3, 8_999, 8_998, 900, 839, 838, 840, 5, 8_999, 2_000]
      const native = new SealingBench()
      const mirrored = Array.from({ length: 9_000 }, () => native.session.seal(new Uint8Array(0)))
      const verdictsThere = order.map((n) => native.open([[mirrored[n] ?? new Uint8Array(0)]]).length === 1)
      const verdictsHere = order.map((n) => sender.openHere(sealedHere[n] ?? new Uint8Array(0)) === 'keepalive')
      expect(verdictsThere).to.deep.equal(verdictsHere)
      expect(verdictsThere).to.include(false)

      const [first = new Uint8Array(0), second = new Uint8Array(0)] = datagrams
      const forged = first.slice()
      forged[20] = (forged[20] ?? 0) ^ 1
      const stranger = first.slice()
      stranger[4] = 8
      expect(oracle.open([[forged], [stranger], [first.slice(0, 20)]])).to.deep.equal([])
      expect(oracle.drops()).to.deep.equal({ 'wrong-key': 1, 'unknown-index': 1, malformed: 1 })
      expect(oracle.open([[first], [first.slice()]])).to.have.length(1)
      oracle.now = instant(oracle.now + 180_000)
      expect(oracle.open([[second]])).to.deep.equal([])
      expect(oracle.seal([plainFrame(dataPacket({}))])).to.deep.equal([])
      expect(oracle.drops()).to.include({ replayed: 1, 'expired-session': 2 })
    })

    it('the native lane puts the header of a relay’s channel in front of each datagram, and takes it off again', () => {
      const made = bench()
      const packets = [0, 1_200, 2_400].map((from) => dataPacket({ from, id: from / 1_200 }))
      const framed = made.seal(packets.map(plainFrame), 7, 0x4abc)
      const data = framed.map((datagram) => readChannelData(datagram))
      expect(data.map((read) => read?.channel)).to.deep.equal([0x4abc, 0x4abc, 0x4abc])
      expect(data.map((read) => made.openHere(read?.data ?? new Uint8Array(0)))).to.deep.equal(packets)

      const back = packets.map((packet) => made.session.seal(packet))
      const [first = new Uint8Array(0), ...others] = back.map((datagram) => encodeChannelData(0x4fff, datagram))
      const [joined, ...more] = made.open([[first], others])
      expect(more).to.have.length(0)
      expect(joined).to.include({ isSuper: true, message: 1, newest: true, channel: 0x1000 })
      expect(joined?.bytes.length).to.equal(10 + 40 + 3_600)
    })

    it('the native lane hands over as it came what a relay’s channel brings that is no data message, or malformed', () => {
      const made = bench()
      const sealed = encodeChannelData(0x4000, made.session.seal(dataPacket({})))
      const cut = sealed.slice(0, -1)
      const messages = [
        encodeChannelData(0x4000, new Uint8Array(148).fill(1)),
        cut,
        encodeChannelData(0x4001, new Uint8Array(0)),
      ]
      const rows = made.open(messages.map((message) => [message.slice()]))
      expect(rows.map(({ bytes, handle }) => [bytes, handle])).to.deep.equal(messages.map((message) => [message, 0]))
      expect(made.open([[sealed]])).to.have.length(1)
    })

    it('the native lane hands over what is no data message as it came', () => {
      const made = bench()
      const messages = [new Uint8Array([1, 0, 0, 0, 9, 9]), new Uint8Array([0, 1]), new Uint8Array(148).fill(2)]
      const rows = made.open(messages.map((message) => [message.slice()]))
      expect(rows.map(({ bytes }) => bytes)).to.deep.equal(messages)
      expect(rows.map(({ handle, message }) => [handle, message])).to.deep.equal([
        [0, 0],
        [0, 1],
        [0, 2],
      ])
    })

    it('the native lane survives any bytes', () => {
      const made = bench()
      const message = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean()).map(([bytes, looksRight]) => {
        if (looksRight) bytes.set([4, 0, 0, 0, 7, 0, 0, 0].slice(0, bytes.length))
        return bytes
      })
      fc.assert(
        fc.property(
          fc.array(message, { maxLength: 5 }),
          fc.array(fc.uint8Array({ maxLength: 200 })),
          (messages, frames) => {
            made.open(messages.map((one) => [one]))
            made.seal(frames)
          },
        ),
        { numRuns: 1_000 },
      )
    })
  })
}

const bound = (bench: SealingBench) => ({ seal: bench.seal.bind(bench), openHere: bench.openHere.bind(bench) })

const dataOf = (datagram: Uint8Array) => {
  const view = new DataView(datagram.buffer, datagram.byteOffset)
  return { receiver: view.getUint32(4, true), counter: view.getUint32(8, true), sealed: datagram.subarray(16) }
}

/** Joins datagrams to messages as the kernel does: a shorter one ends a message. */
const asMessages = (datagrams: readonly Uint8Array[], most: number): Uint8Array[][] => {
  const messages: Uint8Array[][] = []
  for (const datagram of datagrams) {
    const open = messages.at(-1)
    const length = open?.[0]?.length
    if (
      open !== undefined &&
      open.length < most &&
      open.at(-1)?.length === length &&
      datagram.length <= (length ?? 0)
    ) {
      open.push(datagram)
    } else messages.push([datagram])
  }
  return messages
}

/**
 * Removes the IPv4 identification: it means nothing in packets with the don't-fragment bit, and cutting numbers it
 * anew.
 */
const withoutId = (packet: Uint8Array | string): Uint8Array | string => {
  if (typeof packet === 'string' || (packet[6] ?? 0) !== 0x40) return packet
  const copy = packet.slice()
  copy.fill(0, 4, 6)
  copy.fill(0, 10, 12)
  return copy
}
