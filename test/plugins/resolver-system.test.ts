import { expect } from 'chai'
import { afterEach, describe, it } from 'mocha'
import { answerTo, parseQuery, responseCode, writeQuery, type ResponseCode } from '../../core/dns/message.ts'
import type { DnsExchange } from '../../core/runtime/dns-exchange.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import { createDnsExchange } from '../../hosts/runtime/index.ts'
import { SystemResolver } from '../../plugins/resolver-system/system-resolver.ts'
import { upstreamResolverSuite } from '../conformance/upstream-resolver.ts'
import { DnsServer } from '../kit/dns-server.ts'
import { VirtualClock } from '../kit/virtual-clock.ts'

const create = (servers: () => readonly Endpoint[], clock = new VirtualClock()) =>
  new SystemResolver({ exchange: createDnsExchange(), system: { servers }, clock })

upstreamResolverSuite('system, a server at a time', {
  create: () => create(() => []),
  serve: async (handler) => {
    const server = await DnsServer.start(handler)
    return { settings: {}, server: server.endpoint, stop: () => server.stop() }
  },
})

// Asked for any server, it has those that are set at that moment.
let current: readonly Endpoint[] = []
upstreamResolverSuite('system, any server', {
  create: () => create(() => current),
  serve: async (handler) => {
    const server = await DnsServer.start(handler)
    current = [server.endpoint]
    return { settings: {}, stop: () => server.stop() }
  },
})

describe('resolver-system', () => {
  const running: DnsServer[] = []
  const serve = async (code: ResponseCode): Promise<DnsServer> => {
    const server = await DnsServer.start(({ message }) => {
      const verdict = parseQuery(message)
      return verdict.type === 'query' ? [answerTo(verdict.query, { code })] : []
    })
    running.push(server)
    return server
  }
  const ask = (resolver: SystemResolver) =>
    resolver.resolve({
      settings: {},
      message: writeQuery({ id: 1, name: 'www.example.com', type: 1 }) ?? new Uint8Array(),
      protocol: 'udp',
      signal: new AbortController().signal,
    })

  afterEach(async () => {
    for (const server of running.splice(0)) await server.stop()
  })

  it('resolver-system names the servers of the system', () => {
    expect(create(() => ['192.0.2.53:53' as Endpoint]).discover()).to.deep.equal(['192.0.2.53:53'])
  })

  it('D12 resolver-system asks the next server where one is dead, asks that one last for half a minute, and first again after that', async () => {
    const [first, second] = ['192.0.2.1:53', '192.0.2.2:53'] as [Endpoint, Endpoint]
    const dead = new Set([first])
    const asked: Endpoint[] = []
    const exchange: DnsExchange = {
      send: async ({ server, message }) => {
        asked.push(server)
        if (dead.has(server)) throw Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })
        const verdict = parseQuery(message)
        return verdict.type === 'query' ? answerTo(verdict.query, { code: 0 }) : message
      },
    }
    const clock = new VirtualClock()
    const resolver = new SystemResolver({ exchange, system: { servers: () => [first, second] }, clock })
    const askedBy = async () => {
      asked.length = 0
      expect((await ask(resolver)).type).to.equal('answered')
      return [...asked]
    }
    expect(await askedBy()).to.deep.equal([first, second])
    dead.clear()
    expect(await askedBy()).to.deep.equal([second])
    clock.advance(30_000)
    expect(await askedBy()).to.deep.equal([first])
    dead.add(first).add(second)
    expect(await ask(resolver)).to.deep.include({ type: 'failed', code: 'timeout' })
    expect(asked).to.deep.equal([first, first, second, first, second])
  })

  for (const [name, code] of [
    ['FORMERR', 1],
    ['SERVFAIL', 2],
    ['NOTIMP', 4],
    ['REFUSED', 5],
  ] as const) {
    it(`resolver-system asks the next server where one answers ${name}, and gives that back where all do`, async () => {
      const [bad, good] = [await serve(code), await serve(0)]
      const mixed = await ask(create(() => [bad.endpoint, good.endpoint]))
      expect(mixed.type === 'answered' && responseCode(mixed.message)).to.equal(0)
      expect([bad.asked.length, good.asked.length]).to.deep.equal([1, 1])
      const worst = await ask(create(() => [bad.endpoint, bad.endpoint]))
      expect(worst.type === 'answered' && responseCode(worst.message)).to.equal(code)
      expect(bad.asked).to.have.length(3)
    })
  }

  it('resolver-system fails with a reason where the system has no servers', async () => {
    expect(await ask(create(() => []))).to.deep.include({ type: 'failed', code: 'unreachable' })
  })
})
