import { expect } from 'chai'
import { afterEach, before, describe, it } from 'mocha'
import type { UpstreamVerdict } from '../../core/contract/upstream-resolver.ts'
import { answerTo, parseQuery, RecordType, writeQuery } from '../../core/dns/message.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import { createDnsExchange, createHttpClient } from '../../hosts/runtime/index.ts'
import { Config } from '../../plugins/resolver-https/config.ts'
import { HostAddresses } from '../../plugins/resolver-https/host-addresses.ts'
import { HttpsResolver } from '../../plugins/resolver-https/https-resolver.ts'
import { Settings } from '../../plugins/resolver-https/settings.ts'
import { WELL_KNOWN } from '../../plugins/resolver-https/well-known.ts'
import { upstreamResolverSuite } from '../conformance/upstream-resolver.ts'
import { makeCertificate, type Certificate } from '../kit/certificate.ts'
import { DnsServer, type DnsHandler } from '../kit/dns-server.ts'
import { HttpsDnsServer } from '../kit/https-dns-server.ts'
import { VirtualClock } from '../kit/virtual-clock.ts'

const HOST = 'dns.example.org'
let certificate: Certificate

const create = ({
  ca = certificate.cert,
  bootstrap = { [HOST]: ['127.0.0.1'] },
  system = [],
  clock = new VirtualClock(),
}: {
  ca?: string | undefined
  bootstrap?: Config['bootstrap']
  system?: readonly Endpoint[]
  clock?: VirtualClock
} = {}) =>
  new HttpsResolver({
    http: createHttpClient({ ca }),
    hosts: new HostAddresses({
      config: Config.parse({ bootstrap }),
      exchange: createDnsExchange(),
      system: { servers: () => system },
      clock,
    }),
  })

describe('resolver-https', () => {
  before(async () => {
    certificate = await makeCertificate([HOST])
  })

  for (const http1 of [false, true]) {
    upstreamResolverSuite(`https, by HTTP/${http1 ? '1.1' : '2'}`, {
      create: () => create(),
      serve: async (handler) => {
        const server = await HttpsDnsServer.start(handler, { ...certificate, http1 })
        return { settings: { url: `https://${HOST}:${server.port}/dns-query` }, stop: () => server.stop() }
      },
    })
  }

  describe('what it asks, and whom', () => {
    const running: { stop: () => Promise<void> }[] = []
    const serve = async (
      options: Partial<Certificate> & { status?: number; http1?: boolean } = {},
      handler = answers,
    ) => {
      const server = await HttpsDnsServer.start(handler, { ...certificate, ...options })
      running.push(server)
      return server
    }
    const ask = (resolver: HttpsResolver, { port }: { port: number }, host = HOST): Promise<UpstreamVerdict> => {
      const settings = { url: `https://${host}:${port}/dns-query` }
      const message = writeQuery({ id: 7, name: 'www.example.com', type: 1 }) ?? new Uint8Array()
      return resolver.resolve({ settings, message, protocol: 'udp', signal: AbortSignal.timeout(60_000) })
    }

    afterEach(async () => {
      for (const server of running.splice(0)) await server.stop()
    })

    for (const [http1, version] of [
      [false, '2.0'],
      [true, '1.1'],
    ] as const) {
      it(`resolver-https posts to the path of the URL by HTTP/${version}, over a connection that is kept`, async () => {
        const server = await serve({ http1 })
        const resolver = create()
        for (let i = 0; i < 3; i++) expect((await ask(resolver, server)).type).to.equal('answered')
        const asked = { version, method: 'POST', path: '/dns-query', type: 'application/dns-message' }
        expect(server.asked).to.deep.equal([asked, asked, asked])
        expect(server.connections).to.equal(1)
      })
    }

    it('resolver-https tells no id: answers to one question are one answer', async () => {
      const ids: number[] = []
      const server = await serve({}, (query) => {
        ids.push(((query.message[0] ?? 0) << 8) | (query.message[1] ?? 0))
        return answers(query)
      })
      const verdict = await ask(create(), server)
      expect(ids).to.deep.equal([0])
      expect(verdict.type === 'answered' && verdict.message[1]).to.equal(7)
    })

    it('resolver-https takes no status but 200 for an answer', async () => {
      for (const status of [204, 302, 404, 415, 503]) {
        const verdict = await ask(create(), await serve({ status }))
        expect(verdict).to.deep.include({ type: 'failed', code: 'refused' })
        expect(verdict.type === 'failed' && verdict.reason).to.include(String(status))
      }
    })

    it('resolver-https asks no server with another name, or without a trusted certificate', async () => {
      const server = await serve()
      const other = create({ bootstrap: { 'other.example.org': ['127.0.0.1'] } })
      expect(await ask(other, server, 'other.example.org')).to.deep.include({ type: 'failed', code: 'untrusted' })
      const stranger = await serve(await makeCertificate([HOST]))
      expect(await ask(create(), stranger)).to.deep.include({ type: 'failed', code: 'untrusted' })
      expect([...server.asked, ...stranger.asked]).to.deep.equal([])
    })

    it('resolver-https goes on to the next address where one is dead', async () => {
      const server = await serve()
      const resolver = create({ bootstrap: { [HOST]: ['127.0.0.2', '127.0.0.1'] } })
      expect((await ask(resolver, server)).type).to.equal('answered')
    })

    it("resolver-https finds a server that it is not told of with the system's own name servers, and remembers where", async () => {
      const server = await serve()
      const name = await DnsServer.start(({ message }) => {
        const verdict = parseQuery(message)
        if (verdict.type === 'refused') return []
        const { query } = verdict
        const data = query.type === RecordType.A && query.name === HOST ? [Uint8Array.of(127, 0, 0, 1)] : []
        return [answerTo(query, { code: 0, records: { type: query.type, ttlSeconds: 60, data } })]
      })
      running.push(name)
      const clock = new VirtualClock()
      const resolver = create({ bootstrap: {}, system: [name.endpoint], clock })
      for (let i = 0; i < 2; i++) expect((await ask(resolver, server)).type).to.equal('answered')
      expect(name.asked).to.have.length(2) // one for each family
      clock.advance(300_000)
      expect((await ask(resolver, server)).type).to.equal('answered')
      expect(name.asked).to.have.length(4)
    })

    it('resolver-https says that it does not know where a server is', async () => {
      const verdict = await ask(create({ bootstrap: {} }), { port: 443 })
      expect(verdict).to.deep.include({ type: 'failed', code: 'unreachable' })
    })

    it('resolver-https takes an https URL for settings, and nothing else', () => {
      expect(Settings.safeParse({ url: `https://${HOST}/dns-query` }).success).to.equal(true)
      const never = ['169.254.169.254', '[fe80::1]'].map((host) => ({ url: `https://${host}/dns-query` }))
      for (const bad of [
        {},
        { url: `http://${HOST}` },
        { url: `https://${HOST}/?a` },
        { address: '192.0.2.53' },
        ...never,
      ]) {
        expect(Settings.safeParse(bad).success, JSON.stringify(bad)).to.equal(false)
      }
    })

    it("resolver-https refuses a malformed configuration, and takes an empty one for the default's", () => {
      expect(Config.parse({})).to.deep.equal({ bootstrap: {} })
      for (const bad of [
        { bootstrap: { [HOST]: ['dns.example.org'] } },
        { bootstrap: { [HOST]: [] } },
        { servers: {} },
      ]) {
        expect(Config.safeParse(bad).success).to.equal(false)
      }
      expect(WELL_KNOWN['dns.quad9.net']).to.include('9.9.9.9')
    })
  })
})

const answers: DnsHandler = ({ message }) => {
  const verdict = parseQuery(message)
  return verdict.type === 'query' ? [answerTo(verdict.query, { code: 0 })] : []
}
