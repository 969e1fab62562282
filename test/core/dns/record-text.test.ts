import { expect } from 'chai'
import { encode, type Answer } from 'dns-packet'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { parseAnswer, type DnsRecord } from '../../../core/dns/message.ts'
import { recordText, typeName, typeNumber } from '../../../core/dns/record-text.ts'

const textsOf = (answers: Answer[], type: number): string[] => {
  const questions = [{ name: 'www.example.org', type: 'A' as const }]
  const message = encode({ type: 'response', id: 1, questions, answers })
  const read = parseAnswer(message, { id: 1, name: 'www.example.org', type: 1, recordClass: 1 })
  if (read.type === 'refused') throw new Error(read.reason)
  return read.answer.records.filter((record) => record.type === type).map((record) => recordText(message, record))
}

describe('record text', () => {
  it('record data is written as zone files have it', () => {
    const name = 'www.example.org'
    const answers: Answer[] = [
      { name, type: 'A', data: '192.0.2.7' },
      { name, type: 'AAAA', data: '2001:db8::7' },
      { name, type: 'CNAME', data: 'web.example.org' },
      { name, type: 'MX', data: { preference: 10, exchange: 'mail.example.org' } },
      { name, type: 'SRV', data: { priority: 1, weight: 2, port: 389, target: 'dc.example.org' } },
      { name, type: 'TXT', data: [Buffer.from('say "hi"'), Buffer.from([0xff, 0x41])] },
      { name, type: 'CAA', data: { flags: 0, tag: 'issue', value: 'x' } },
    ]
    expect(textsOf(answers, 1)).to.deep.equal(['192.0.2.7'])
    expect(textsOf(answers, 28)).to.deep.equal(['2001:db8::7'])
    expect(textsOf(answers, 5)).to.deep.equal(['web.example.org.'])
    expect(textsOf(answers, 15)).to.deep.equal(['10 mail.example.org.'])
    expect(textsOf(answers, 33)).to.deep.equal(['1 2 389 dc.example.org.'])
    expect(textsOf(answers, 16)).to.deep.equal(['"say \\"hi\\"" "\\255A"'])
    expect(textsOf(answers, 257)[0]).to.match(/^\\# 8 /)
  })

  it('record types are known by name and by number', () => {
    expect(['a', 'SRV', 'https', 'TYPE64', 'type65535'].map(typeNumber)).to.deep.equal([1, 33, 65, 64, 65_535])
    expect(['', 'TYPE65536', 'NOPE', 'toString'].map(typeNumber)).to.deep.equal([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    expect([1, 65, 1_000].map(typeName)).to.deep.equal(['A', 'HTTPS', 'TYPE1000'])
  })

  it('writing record data never throws, whatever the data', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(1, 2, 5, 12, 15, 16, 28, 33, 64), (data, type) => {
        const message = new Uint8Array([...new Uint8Array(12), ...data])
        const record: DnsRecord = { type, data, dataAt: 12, nameAt: 12, recordClass: 1, ttlSeconds: 1 }
        expect(recordText(message, record)).to.be.a('string')
      }),
    )
  })
})
