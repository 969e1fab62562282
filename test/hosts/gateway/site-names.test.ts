import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import type { ServerVerdict, UpstreamQuery } from '../../../core/contract/upstream-resolver.ts'
import { answeredData } from '../../../core/dns/answered-data.ts'
import { answerTo, parseAnswer, parseQuery, RecordType, writeQuery } from '../../../core/dns/message.ts'
import { writeName } from '../../../core/dns/wire-name.ts'
import { formatAddress, parseAddress } from '../../../core/net/ip-address.ts'
import { SiteNames } from '../../../hosts/gateway/site-names.ts'

const { A, AAAA, SRV } = RecordType
const MX = 15

/** A gateway's machine: its hosts file, its search list, and a name server. */
class Machine {
  readonly hosts = new Map<string, string[]>()
  search: string[] = []
  serversFirst = false
  /** Records of the name server, by name and type; other names do not exist. */
  readonly records = new Map<string, Uint8Array[] | 'servfail' | 'silent'>()
  readonly asked: string[] = []
  readonly names = new SiteNames({
    ask: (query) => Promise.resolve(this.#answer(query)),
    system: {
      hostAddresses: (name) => this.hosts.get(name),
      asksServersFirst: () => this.serversFirst,
      searchDomains: () => this.search,
    },
  })

  /** Resolves a name: its addresses, or its data in hexadecimal; else the response code, or `failed`. */
  async look(name: string, type: number): Promise<string[] | number | string> {
    const question = { id: 7, name, type, recordClass: 1 }
    const message = writeQuery(question) ?? new Uint8Array()
    const verdict = await this.names.resolve({ message, protocol: 'udp', signal: new AbortController().signal })
    if (verdict.type === 'failed') return verdict.code
    const read = parseAnswer(verdict.message, question)
    if (read.type === 'refused') return read.reason
    if (read.answer.code !== 0) return read.answer.code
    return answeredData(verdict.message, read.answer, question).map((data) =>
      type === A || type === AAAA ? formatAddress(data) : Buffer.from(data).toString('hex'),
    )
  }

  #answer({ message }: Pick<UpstreamQuery, 'message'>): ServerVerdict {
    const parsed = parseQuery(message)
    if (parsed.type === 'refused') return expect.fail()
    const { name, type } = parsed.query
    this.asked.push(`${name} ${type}`)
    const data = this.records.get(`${name} ${type}`)
    if (data === 'silent') return { type: 'failed', code: 'timeout', reason: 'silence' }
    const exists = [...this.records.keys()].some((key) => key.startsWith(`${name} `))
    const code = data === 'servfail' ? 2 : exists ? 0 : 3
    const records = { type, ttlSeconds: 60, data: typeof data === 'object' ? data : [] }
    return { type: 'answered', message: answerTo(parsed.query, { code, records }) }
  }
}

const address = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array()

describe("the site's names as the gateway's machine finds them", () => {
  let machine: Machine

  beforeEach(() => {
    machine = new Machine()
  })

  it('site names come from the gateway’s hosts file, which is complete: a family that is not in it has no record', async () => {
    machine.hosts.set('wiki.corp.example', ['10.0.0.5', '10.0.0.6'])
    machine.hosts.set('six', ['fd12::5'])
    machine.records.set(`wiki.corp.example ${AAAA}`, [address('fd12::9')])
    expect(await machine.look('wiki.corp.example', A)).to.deep.equal(['10.0.0.5', '10.0.0.6'])
    expect(await machine.look('wiki.corp.example', AAAA)).to.deep.equal([])
    expect(await machine.look('six', AAAA)).to.deep.equal(['fd12::5'])
    expect(await machine.look('six', A)).to.deep.equal([])
    expect(machine.asked).to.deep.equal([])
  })

  it('site names come from the gateway’s name servers first where the machine asks these first, and else from the hosts file', async () => {
    machine.serversFirst = true
    machine.hosts.set('wiki.corp.example', ['10.0.0.5'])
    expect(await machine.look('wiki.corp.example', A)).to.deep.equal(['10.0.0.5'])
    machine.records.set(`wiki.corp.example ${A}`, [address('10.0.0.9')])
    expect(await machine.look('wiki.corp.example', A)).to.deep.equal(['10.0.0.9'])
    machine.records.set(`wiki.corp.example ${A}`, 'silent')
    expect(await machine.look('wiki.corp.example', A)).to.deep.equal(['10.0.0.5'])
  })

  it('site names in the hosts file only exist for records of other types, too', async () => {
    machine.hosts.set('wiki.corp.example', ['10.0.0.5'])
    expect(await machine.look('wiki.corp.example', MX)).to.deep.equal([])
    machine.records.set(`wiki.corp.example ${MX}`, [Uint8Array.from([0, 1, ...(writeName('m.corp.example') ?? [])])])
    expect(await machine.look('wiki.corp.example', MX)).to.have.length(1)
  })

  it('site names with one label are looked for below each search domain, and then as they are', async () => {
    machine.search = ['a.example', 'b.example']
    machine.records.set(`intranet.b.example ${A}`, [address('10.0.0.5')])
    expect(await machine.look('intranet', A)).to.deep.equal(['10.0.0.5'])
    expect(await machine.look('intranet', AAAA)).to.deep.equal([])
    const six = [`intranet.a.example ${AAAA}`, `intranet.b.example ${AAAA}`]
    expect(machine.asked).to.deep.equal([`intranet.a.example ${A}`, `intranet.b.example ${A}`, ...six])
    machine.records.set(`bare ${A}`, [address('10.0.0.7')])
    expect(await machine.look('bare', A)).to.deep.equal(['10.0.0.7'])
    expect(await machine.look('nowhere', A)).to.equal(3)
  })

  it('site names with more labels are looked for as they are', async () => {
    machine.search = ['a.example']
    machine.records.set(`wiki.corp.a.example ${A}`, [address('10.0.0.5')])
    expect(await machine.look('wiki.corp', A)).to.equal(3)
    expect(machine.asked).to.deep.equal([`wiki.corp ${A}`])
  })

  it('site names are not said to be missing while a search domain could not be asked', async () => {
    machine.search = ['a.example', 'b.example']
    machine.records.set(`intranet.a.example ${A}`, 'servfail')
    expect(await machine.look('intranet', A)).to.equal(2)
    machine.records.set(`intranet.a.example ${A}`, 'silent')
    expect(await machine.look('intranet', A)).to.equal('timeout')
    machine.records.set(`intranet.b.example ${A}`, [address('10.0.0.5')])
    expect(await machine.look('intranet', A)).to.deep.equal(['10.0.0.5'])
  })

  it('site names of one label have records of other types, in the name that was asked for', async () => {
    machine.search = ['a.example']
    const data = Uint8Array.from([0, 1, 0, 2, 1, 0x85, ...(writeName('dc.a.example') ?? [])])
    machine.records.set(`intranet.a.example ${SRV}`, [data])
    expect(await machine.look('intranet', SRV)).to.deep.equal([Buffer.from(data).toString('hex')])
  })
})
