import { expect } from 'chai'
import { describe, it } from 'mocha'
import { RecordType, writeQuery } from '../../../../core/dns/message.ts'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { OwnNames } from '../../../../hosts/client/names/own-names.ts'

const { A, AAAA, SRV, TXT, HTTPS } = RecordType

describe("the DNS port of the client's resolver plugins", () => {
  const ask = async (name: string, type: number): Promise<'here' | 'upstream'> => {
    let asked: 'here' | 'upstream' | undefined
    const note = (where: 'here' | 'upstream') => {
      asked = where
      return Promise.resolve(new Uint8Array())
    }
    const names = new OwnNames({ send: () => note('upstream') })
    names.setResolver({ isResource: (one) => one.endsWith('.example.org'), answer: () => note('here') })
    const message = writeQuery({ id: 1, name, type }) ?? new Uint8Array()
    await names.send({ server: endpoint('192.0.2.53', 53), protocol: 'udp', message, timeoutMs: 1_000 })
    return asked ?? expect.fail()
  }

  it('D12 the client itself answers its resolver plugins’ queries for addresses and services of resources', async () => {
    for (const type of [A, AAAA, HTTPS, SRV, TXT, 255]) {
      expect(await ask('dns.example.org', type), `type ${type}`).to.equal('here')
      expect(await ask('dns.example.com', type), `type ${type}`).to.equal('upstream')
    }
  })

  it('D15 queries of resolver plugins for records that the site does not have go upstream, and so not round without end', async () => {
    for (const type of [2, 6, 15, 44, 257, 65_280]) {
      expect(await ask('dns.example.org', type), `type ${type}`).to.equal('upstream')
    }
  })
})
