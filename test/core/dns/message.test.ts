import { expect } from 'chai'
import { decode, encode, RECURSION_DESIRED } from 'dns-packet'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  answerLimit,
  answerTo,
  isAnswerTo,
  parseAnswer,
  parseQuery,
  RecordType,
  ResponseCode,
  writeQuery,
  type DnsQuery,
} from '../../../core/dns/message.ts'
import { readName, skipName, writeName } from '../../../core/dns/wire-name.ts'

describe('DNS message', () => {
  it('a DNS query is read as dns-packet writes it', () => {
    fc.assert(
      fc.property(host, fc.nat(0xffff), numberedType, (name, id, type) => {
        const { query, message } = queryFor(name, id, type)
        expect(query).to.deep.include({ id, name: name.toLowerCase(), type, recordClass: 1, recursionDesired: true })
        expect(Buffer.from(query.question)).to.deep.equal(message.subarray(12))
      }),
    )
  })

  it('a DNS answer is read by dns-packet, with the question in the letter case in which it was asked', () => {
    const address = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    fc.assert(
      fc.property(host, address, fc.nat(0x7fffffff), fc.nat(5), (name, data, ttlSeconds, count) => {
        const type = data.length === 4 ? RecordType.A : RecordType.AAAA
        const { query } = queryFor(name, 4711, type)
        const records = { type, ttlSeconds, data: Array.from({ length: count }, () => data) }
        const bytes = answerTo(query, { code: ResponseCode.NOERROR, records })
        const read = decode(Buffer.from(bytes))
        expect(read).to.deep.include({ id: 4711, type: 'response', flag_rd: true, flag_ra: true, flag_tc: false })
        expect(read.questions?.[0]?.name).to.equal(name)
        expect(read.answers).to.have.length(count)
        for (const answer of read.answers ?? []) {
          const text = 'data' in answer ? answer.data : undefined
          const canonical = encode({ type: 'response', questions: [], answers: [answer] })
          expect(canonical.subarray(-data.length)).to.deep.equal(Buffer.from(data))
          expect([answer.name, 'ttl' in answer && answer.ttl, typeof text]).to.deep.equal([name, ttlSeconds, 'string'])
        }
        const own = parseAnswer(bytes, query)
        expect(own.type === 'answer' && own.answer.records.map((record) => [...record.data])).to.deep.equal(
          Array.from({ length: count }, () => [...data]),
        )
      }),
    )
  })

  it('a DNS answer has EDNS exactly if the query had it, and unknown versions of EDNS are refused', () => {
    const opt = {
      name: '.',
      type: 'OPT' as const,
      udpPayloadSize: 1232,
      extendedRcode: 0,
      flags: 0,
      flag_do: false,
      options: [],
    }
    const questions = [{ name: 'example.org', type: 'A' as const }]
    const verdict = parseQuery(encode({ type: 'query', id: 1, questions, additionals: [{ ...opt, ednsVersion: 0 }] }))
    if (verdict.type !== 'query') throw new Error(verdict.reason)
    expect(answerLimit(verdict.query, 'udp')).to.equal(1212)
    expect(answerLimit({ ...verdict.query, udpBytes: 100 }, 'udp')).to.equal(512)
    expect(answerLimit({ ...verdict.query, udpBytes: undefined }, 'udp')).to.equal(512)
    expect(answerLimit(verdict.query, 'tcp')).to.equal(65_535)
    const read = decode(Buffer.from(answerTo(verdict.query, { code: ResponseCode.NXDOMAIN })))
    expect(read.additionals?.[0]).to.deep.include({ type: 'OPT', udpPayloadSize: 1212, ednsVersion: 0 })

    const newer = parseQuery(encode({ type: 'query', id: 1, questions, additionals: [{ ...opt, ednsVersion: 1 }] }))
    expect(newer).to.deep.include({ type: 'refused', reason: 'unknown-edns-version' })
    const answer = newer.type === 'refused' ? decode(Buffer.from(newer.answer ?? [])) : undefined
    expect(answer?.additionals?.[0]).to.deep.include({ type: 'OPT', extendedRcode: 1 })

    const twice = [0, 0].map((ednsVersion) => ({ ...opt, ednsVersion }))
    expect(parseQuery(encode({ type: 'query', id: 1, questions, additionals: twice }))).to.deep.include({
      reason: 'malformed',
    })
  })

  it('a DNS query is read by dns-packet as it was written', () => {
    fc.assert(
      fc.property(host, fc.nat(0xffff), (name, id) => {
        const read = decode(Buffer.from(writeQuery({ id, name, type: RecordType.AAAA }) ?? []))
        expect(read).to.deep.include({ id, type: 'query', flag_rd: true })
        expect(read.questions).to.deep.equal([{ name, type: 'AAAA', class: 'IN' }])
      }),
    )
  })

  it('each name in a DNS message is read back as it was written, whatever its bytes are', () => {
    const labels = fc.array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 5 })
    fc.assert(
      fc.property(labels, (parts) => {
        const bytes = Uint8Array.from([...parts.flatMap((part) => [part.length, ...part]), 0])
        const read = readName(bytes, 0)
        if (bytes.length > 255) {
          expect(read).to.equal(undefined)
          return
        }
        expect(read?.end).to.equal(bytes.length)
        const again = writeName(read?.name ?? '\\')
        expect(again && readName(again, 0)).to.deep.equal(read)
      }),
    )
  })

  it('compressed names are read as dns-packet reads them', () => {
    // www at 14, example.org at 0, a pointer with a label before it at 18
    const bytes = Buffer.concat([
      writeName('example.org') ?? Buffer.of(),
      Buffer.of(3),
      Buffer.from('www'),
      Buffer.of(0xc0, 0),
    ])
    expect(readName(bytes, 13)).to.deep.equal({ name: 'www.example.org', end: 19 })
    expect(skipName(bytes, 13)).to.equal(19)
  })

  it('no compression pointer is followed forwards, to itself, or without end', () => {
    expect(readName(Uint8Array.of(0xc0, 0), 0)).to.equal(undefined)
    expect(readName(Uint8Array.of(0xc0, 2, 0), 0)).to.equal(undefined)
    const chain = Uint8Array.from({ length: 2_000 }, (_, i) =>
      i < 2 ? 0 : i % 2 === 0 ? 0xc0 | ((i - 2) >> 8) : (i - 3) & 0xff,
    )
    expect(readName(chain, 40)).to.deep.equal({ name: '', end: 42 })
    expect(readName(chain, 1_998)).to.equal(undefined)
  })

  it('a question whose name is compressed is refused, as there is only the header to point to', () => {
    // The id 0x0161 and the flags 0x0000 would be the name "a".
    const pointing = (flags: number) => Uint8Array.of(1, 0x61, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 1, 0, 1)
    expect(parseQuery(pointing(0))).to.deep.include({ type: 'refused', reason: 'malformed' })
    const asked = { id: 0x0161, name: 'a', type: 1, recordClass: 1 }
    expect(parseAnswer(pointing(0x80), asked)).to.deep.equal({ type: 'refused', reason: 'malformed' })
  })

  it('names of an answer and its query are compared without case, and everything else exactly', () => {
    const { message } = queryFor('www.example.org', 0x1234, 256)
    const answer = (change: (bytes: Buffer) => void): Buffer => {
      const bytes = Buffer.from(message)
      bytes.writeUInt16BE(0x8180, 2)
      change(bytes)
      return bytes
    }
    expect(
      isAnswerTo(
        message,
        answer((bytes) => bytes.write('WWW', 13)),
      ),
    ).to.equal(true)
    for (let at = 0; at < message.length; at++) {
      const isFree = (at > 2 && at < 4) || (at > 5 && at < 12)
      if (isFree || (at > 12 && at < message.length - 4)) continue // letters, which the case decides about
      const other = answer((bytes) => bytes.writeUInt8((bytes[at] ?? 0) ^ 0xc0, at))
      expect(isAnswerTo(message, other), `byte ${at}`).to.equal(false)
    }
    expect(isAnswerTo(message, answer(() => undefined).subarray(0, 20))).to.equal(false)
  })

  it('random bytes are no answer to a query, and nothing is an answer to random bytes', () => {
    const { message } = queryFor('www.example.org', 0x1234, 256)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(isAnswerTo(message, bytes)).to.equal(false)
        expect(isAnswerTo(bytes, message)).to.equal(false)
      }),
    )
  })

  it('reading a DNS message never throws, and every refusal has a reason', () => {
    const asked = { id: 0, name: '', type: 1, recordClass: 1 }
    const shaped = fc
      .tuple(fc.uint8Array({ minLength: 2, maxLength: 2 }), fc.uint8Array({ maxLength: 80 }))
      .map(([flags, rest]) => Uint8Array.from([0, 0, ...flags, 0, 1, 0, 1, 0, 0, 0, 1, ...rest]))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), shaped), (bytes) => {
        for (const verdict of [parseQuery(bytes), parseAnswer(bytes, asked)]) {
          if (verdict.type === 'refused') expect(verdict.reason).to.match(/^[a-z]+(-[a-z]+)*$/)
        }
        readName(bytes, 0)
        skipName(bytes, 0)
      }),
      { numRuns: 5_000 },
    )
  })

  it('no message that dns-packet reads as one ordinary question is refused', () => {
    fc.assert(
      fc.property(host, fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 3 }), (name, mutations) => {
        const { message } = queryFor(name, 1, 1)
        for (const [at, byte] of mutations) message[at % message.length] = byte
        const oracle = attempt(() => decode(message))
        const verdict = parseQuery(message)
        const isOrdinary =
          oracle?.type === 'query' && oracle.questions?.length === 1 && ((message[2] ?? 0) & 0x78) === 0
        // The decoder follows a pointer into the header.
        const end = skipName(message, 12)
        const isPlain = end > 0 && (message[end - 2] ?? 0) < 0xc0
        if (isOrdinary && isPlain) expect(verdict.type).to.equal('query')
        // A name that is read differently, or not at all, could slip past the patterns.
        if (verdict.type === 'query' && oracle !== undefined && /^[\w.-]+$/.test(verdict.query.name)) {
          expect(oracle.questions?.[0]?.name.toLowerCase()).to.equal(verdict.query.name)
        }
      }),
      { numRuns: 3_000 },
    )
  })
})

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/)
const host = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'))
const numberedType = fc.integer({ min: 256, max: 0xfeff }).filter((type) => type < 32_000)

const queryFor = (name: string, id: number, type: number): { query: DnsQuery; message: Buffer } => {
  const message = encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ name, type: 'A' }] })
  message.writeUInt16BE(type, message.length - 4)
  const verdict = parseQuery(message)
  if (verdict.type !== 'query') throw new Error(verdict.reason)
  return { query: verdict.query, message }
}

const attempt = <T>(work: () => T): T | undefined => {
  try {
    return work()
  } catch {
    return undefined
  }
}
