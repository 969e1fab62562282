import { expect } from 'chai'
import { afterEach, before, describe, it } from 'mocha'
import { answerTo, parseQuery, writeQuery } from '../../core/dns/message.ts'
import type { UpstreamVerdict } from '../../core/contract/upstream-resolver.ts'
import { createDnsExchange } from '../../hosts/runtime/index.ts'
import { Settings } from '../../plugins/resolver-tls/settings.ts'
import { TlsResolver } from '../../plugins/resolver-tls/tls-resolver.ts'
import { upstreamResolverSuite } from '../conformance/upstream-resolver.ts'
import { makeCertificate, type Certificate } from '../kit/certificate.ts'
import { DnsServer, type DnsHandler } from '../kit/dns-server.ts'

const SERVER_NAME = 'dns.example.org'
let certificate: Certificate

describe('resolver-tls', () => {
  before(async () => {
    certificate = await makeCertificate([SERVER_NAME])
  })

  upstreamResolverSuite('tls', {
    create: () => new TlsResolver({ exchange: createDnsExchange({ ca: certificate.cert }) }),
    serve: async (handler) => {
      const server = await DnsServer.start(handler, certificate)
      return { settings: { ...server.settings, server_name: SERVER_NAME }, stop: () => server.stop() }
    },
  })

  it('resolver-tls takes an address, a port and the name of a certificate for settings', () => {
    const settings = { address: '192.0.2.53', server_name: SERVER_NAME }
    expect(Settings.parse(settings)).to.deep.equal({ ...settings, port: 853 })
    for (const bad of [
      { address: '192.0.2.53' },
      { ...settings, server_name: '*.example.org' },
      { url: 'https://x' },
    ]) {
      expect(Settings.safeParse(bad).success, JSON.stringify(bad)).to.equal(false)
    }
  })

  describe('connections and certificates', () => {
    const running: DnsServer[] = []
    const serve = async (handler: DnsHandler, own = certificate): Promise<DnsServer> => {
      const server = await DnsServer.start(handler, own)
      running.push(server)
      return server
    }
    const ask = (
      resolver: TlsResolver,
      server: DnsServer,
      { serverName = SERVER_NAME, timeoutMs = 5_000, name = 'www.example.com' } = {},
    ): Promise<UpstreamVerdict> =>
      resolver.resolve({
        settings: { ...server.settings, server_name: serverName },
        message: writeQuery({ id: 7, name, type: 1 }) ?? new Uint8Array(),
        protocol: 'udp',
        signal: AbortSignal.timeout(timeoutMs),
      })

    afterEach(async () => {
      for (const server of running.splice(0)) await server.stop()
    })

    it('resolver-tls keeps a connection for the next queries, and opens another where the server closed it', async () => {
      const server = await serve(answers)
      const resolver = new TlsResolver({ exchange: createDnsExchange({ ca: certificate.cert }) })
      for (let i = 0; i < 3; i++) expect((await ask(resolver, server)).type).to.equal('answered')
      expect(server.connections).to.equal(1)
      await server.hangUp()
      for (let i = 0; i < 2; i++) expect((await ask(resolver, server)).type).to.equal('answered')
      expect(server.connections).to.equal(2)
    })

    it('resolver-tls asks over a new connection after a silent one', async () => {
      let silent = true
      const server = await serve((query) => (silent ? [] : answers(query)))
      const resolver = new TlsResolver({ exchange: createDnsExchange({ ca: certificate.cert }) })
      expect(await ask(resolver, server, { timeoutMs: 300 })).to.deep.include({ type: 'failed', code: 'aborted' })
      silent = false
      expect((await ask(resolver, server)).type).to.equal('answered')
      expect(server.connections).to.equal(2)
    })

    it('resolver-tls keeps the queries in flight where the server repeats an answer or sends one to nobody', async () => {
      let answerSlow = (): void => undefined
      const server = await serve(async (query) => {
        const verdict = parseQuery(query.message)
        if (verdict.type === 'query' && verdict.query.name === 'slow.example.com') {
          await new Promise<void>((resolve) => (answerSlow = resolve))
          return answers(query)
        }
        const [answer] = await answers(query)
        if (!(answer instanceof Uint8Array)) throw new Error('no answer')
        return [answer, answer, ...strayed(answer, 20)]
      })
      const resolver = new TlsResolver({ exchange: createDnsExchange({ ca: certificate.cert }) })
      const slow = ask(resolver, server, { name: 'slow.example.com' })
      for (let i = 0; i < 30; i++) expect((await ask(resolver, server)).type).to.equal('answered')
      answerSlow()
      expect((await slow).type).to.equal('answered')
      expect(server.connections).to.equal(1)
    })

    it('resolver-tls leaves a server that sends answers to nobody without end', async () => {
      const server = await serve(async (query) => {
        const [answer] = await answers(query)
        return answer instanceof Uint8Array ? strayed(answer, 1_000) : []
      })
      const resolver = new TlsResolver({ exchange: createDnsExchange({ ca: certificate.cert }) })
      expect(await ask(resolver, server)).to.deep.include({ type: 'failed', code: 'malformed' })
    })

    it('resolver-tls asks no server with another name, or without a trusted certificate', async () => {
      const server = await serve(answers)
      const trusting = new TlsResolver({ exchange: createDnsExchange({ ca: certificate.cert }) })
      expect(await ask(trusting, server, { serverName: 'other.example.org' })).to.deep.include({
        type: 'failed',
        code: 'untrusted',
      })
      const stranger = await serve(answers, await makeCertificate([SERVER_NAME]))
      expect(await ask(trusting, stranger)).to.deep.include({ type: 'failed', code: 'untrusted' })
      const withRoots = new TlsResolver({ exchange: createDnsExchange() })
      expect(await ask(withRoots, server)).to.deep.include({ type: 'failed', code: 'untrusted' })
      expect([...server.asked, ...stranger.asked]).to.deep.equal([])
    })

    it('resolver-tls fails where the server does not speak TLS', async () => {
      const plain = await DnsServer.start(answers)
      running.push(plain)
      const resolver = new TlsResolver({ exchange: createDnsExchange({ ca: certificate.cert }) })
      const verdict = await ask(resolver, plain, { timeoutMs: 1_000 })
      expect(verdict.type).to.equal('failed')
      expect(plain.asked).to.deep.equal([])
    })
  })
})

const answers: DnsHandler = ({ message }) => {
  const verdict = parseQuery(message)
  return verdict.type === 'query' ? [answerTo(verdict.query, { code: 0 })] : []
}

/** Answers with an id that, but for one in 65,536, nobody asked with. */
const strayed = (answer: Uint8Array, count: number): Uint8Array[] =>
  Array.from({ length: count }, () => {
    const other = new Uint8Array(answer)
    other.set([0, 0])
    return other
  })
