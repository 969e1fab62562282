import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import type { UpstreamQuery, UpstreamVerdict } from '../../core/contract/upstream-resolver.ts'
import { isTruncated, parseAnswer, RecordType, writeQuery } from '../../core/dns/message.ts'
import { endpoint } from '../../core/runtime/endpoint.ts'
import { createClock, createDnsExchange, createHttpClient } from '../../hosts/runtime/index.ts'
import { HostAddresses } from '../../plugins/resolver-https/host-addresses.ts'
import { HttpsResolver } from '../../plugins/resolver-https/https-resolver.ts'
import { TlsResolver } from '../../plugins/resolver-tls/tls-resolver.ts'
import { SystemResolver } from '../../plugins/resolver-system/system-resolver.ts'
import { UdpResolver } from '../../plugins/resolver-udp/udp-resolver.ts'
import { kernelProblem } from '../kit/needs-kernel.ts'
import { Unbound } from '../kit/unbound.ts'

const LONG_TEXTS = 30

describe('resolvers against a real server, unbound', () => {
  let unbound: Unbound
  const kinds = new Map<string, (query: Omit<UpstreamQuery, 'settings' | 'server'>) => Promise<UpstreamVerdict>>()

  before(async function () {
    // Installed together with what the kernel's tests need.
    if (kernelProblem() !== undefined) return this.skip()
    const texts = Array.from({ length: LONG_TEXTS }, (_, i) => `long.example.com. TXT "${String(i).repeat(60)}"`)
    unbound = await Unbound.start({
      records: ['www.example.com. A 192.0.2.7', 'www.example.com. AAAA 2001:db8::7', ...texts],
    })
    const ca = unbound.certificate.cert
    const exchange = createDnsExchange({ ca })
    const { address, ports } = unbound
    const udp = new UdpResolver({ exchange })
    kinds.set('udp', (query) => udp.resolve({ ...query, settings: { address, port: ports.plain } }))
    const servers = { servers: () => [endpoint(address, ports.plain)] }
    const system = new SystemResolver({ exchange, system: servers, clock: createClock() })
    kinds.set('system', (query) => system.resolve({ ...query, settings: {} }))
    const { serverName } = Unbound
    const tls = new TlsResolver({ exchange })
    const overTls = { address, port: ports.tls, server_name: serverName }
    kinds.set('tls', (query) => tls.resolve({ ...query, settings: overTls }))
    const config = { bootstrap: { [serverName]: [address] } }
    const hosts = new HostAddresses({ config, exchange, system: servers, clock: createClock() })
    const https = new HttpsResolver({ http: createHttpClient({ ca }), hosts })
    const overHttps = { url: `https://${serverName}:${ports.https}/dns-query` }
    kinds.set('https', (query) => https.resolve({ ...query, settings: overHttps }))
  })

  after(() => unbound?.stop())

  for (const kind of ['udp', 'system', 'tls', 'https']) {
    for (const protocol of ['udp', 'tcp'] as const) {
      const ask = async (name: string, type: number) => {
        const resolve = kinds.get(kind) ?? expect.fail()
        const question = { id: 4711, name, type, recordClass: 1 }
        const message = writeQuery(question) ?? new Uint8Array()
        const verdict = await resolve({ message, protocol, signal: AbortSignal.timeout(60_000) })
        if (verdict.type !== 'answered') throw new Error(JSON.stringify(verdict))
        const read = parseAnswer(verdict.message, question)
        if (read.type === 'refused') throw new Error(read.reason)
        return { code: read.answer.code, records: read.answer.records, whole: !isTruncated(verdict.message) }
      }

      it(`D12 ${kind} asks unbound over ${protocol}`, async () => {
        const { records } = await ask('www.example.com', RecordType.A)
        expect(records.map(({ data }) => [...data])).to.deep.equal([[192, 0, 2, 7]])
        expect((await ask('www.example.com', RecordType.AAAA)).records).to.have.length(1)
        expect(await ask('gone.example.com', RecordType.A)).to.deep.equal({ code: 3, records: [], whole: true })
      })

      it(`D6 ${kind} gets a long answer of unbound whole, asked over ${protocol}`, async () => {
        const { records, whole } = await ask('long.example.com', RecordType.TXT)
        expect(whole).to.equal(true)
        expect(records).to.have.length(LONG_TEXTS)
      })
    }

    it(`D12 ${kind} asks unbound for fifty names at once`, async () => {
      const resolve = kinds.get(kind) ?? expect.fail()
      const codes = await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          const question = { id: i, name: `n${i}.example.com`, type: RecordType.A, recordClass: 1 }
          const message = writeQuery(question) ?? new Uint8Array()
          const verdict = await resolve({
            message,
            protocol: 'udp',
            signal: AbortSignal.timeout(60_000),
          })
          const read = verdict.type === 'answered' ? parseAnswer(verdict.message, question) : undefined
          return read?.type === 'answer' ? read.answer.code : 'none'
        }),
      )
      expect(new Set(codes)).to.deep.equal(new Set([3]))
    })
  }
})
