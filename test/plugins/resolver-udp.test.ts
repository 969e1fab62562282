import { expect } from 'chai'
import { describe, it } from 'mocha'
import { answerTo, parseQuery, writeQuery } from '../../core/dns/message.ts'
import { createDnsExchange } from '../../hosts/runtime/index.ts'
import { UdpResolver } from '../../plugins/resolver-udp/udp-resolver.ts'
import { upstreamResolverSuite } from '../conformance/upstream-resolver.ts'
import { DnsServer } from '../kit/dns-server.ts'

upstreamResolverSuite('udp', {
  create: () => new UdpResolver({ exchange: createDnsExchange() }),
  serve: async (handler) => {
    const server = await DnsServer.start(handler)
    return { server: { endpoint: server.endpoint }, stop: () => server.stop() }
  },
  unsupported: { url: 'https://dns.example.org/dns-query' },
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
      await resolver.resolve({ server: { endpoint: server.endpoint }, message, protocol, signal })
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
})
