import { expect } from 'chai'
import { describe, it } from 'mocha'
import { answerTo, parseQuery, writeQuery } from '../../core/dns/message.ts'
import { createDnsExchange } from '../../hosts/runtime/index.ts'
import { Settings } from '../../plugins/resolver-udp/settings.ts'
import { UdpResolver } from '../../plugins/resolver-udp/udp-resolver.ts'
import { upstreamResolverSuite } from '../conformance/upstream-resolver.ts'
import { DnsServer } from '../kit/dns-server.ts'

upstreamResolverSuite('udp', {
  create: () => new UdpResolver({ exchange: createDnsExchange() }),
  serve: async (handler) => {
    const server = await DnsServer.start(handler)
    return { settings: server.settings, stop: () => server.stop() }
  },
})

describe('resolver-udp', () => {
  it('D6 resolver-udp asks over TCP what was asked over TCP, and what UDP cut short, and nothing else', async () => {
    const server = await DnsServer.start(({ message, protocol }) => {
      const verdict = parseQuery(message)
      if (verdict.type === 'refused') return []
      const truncated = protocol === 'udp' && verdict.query.name.startsWith('long')
      return [answerTo(verdict.query, { code: 0, truncated })]
    })
    const resolver = new UdpResolver({ exchange: createDnsExchange() })
    const { signal } = new AbortController()
    const protocolsOf = async (name: string, protocol: 'udp' | 'tcp') => {
      server.asked.length = 0
      const message = writeQuery({ id: 1, name, type: 1 }) ?? new Uint8Array()
      await resolver.resolve({ settings: server.settings, message, protocol, signal })
      return server.asked.map((query) => query.protocol)
    }
    try {
      expect(await protocolsOf('short.example.com', 'udp')).to.deep.equal(['udp'])
      expect(await protocolsOf('short.example.com', 'tcp')).to.deep.equal(['tcp'])
      expect(await protocolsOf('long.example.com', 'udp')).to.deep.equal(['udp', 'tcp'])
    } finally {
      await server.stop()
    }
  })

  it('resolver-udp takes an address and a port for settings, and nothing else', () => {
    expect(Settings.parse({ address: '192.0.2.53' })).to.deep.equal({ address: '192.0.2.53', port: 53 })
    for (const bad of [
      {},
      { address: 'dns.example.org' },
      { address: '192.0.2.53', port: 70_000 },
      { url: 'https://dns.example.org' },
    ]) {
      expect(Settings.safeParse(bad).success, JSON.stringify(bad)).to.equal(false)
    }
  })
})
