import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { Endpoint } from '../../../../core/runtime/endpoint.ts'
import { upstreamName, upstreamsOf } from '../../../../hosts/client/names/upstreams.ts'

const TUNNEL = { ipv4: '100.64.0.1', ipv6: 'fd00:2021:1111::1' }
const SYSTEM = [{ endpoint: '198.51.100.53:53' as Endpoint }]
const ALL = new Set(['system', 'udp', 'https', 'tls'])

describe('upstreams', () => {
  it('D12 upstreams are what the account sets, of every kind, or else the system', () => {
    const account = {
      ...TUNNEL,
      upstream_do53: [{ ip: '192.0.2.53' }, { ip: '2001:db8::53' }],
      upstream_doh: [{ url: 'https://dns.example.org/dns-query' }],
      upstream_dot: [{ ip: '192.0.2.54', server_name: 'dns.example.org' }],
    }
    expect(upstreamsOf(account, { kinds: ALL, system: SYSTEM })).to.deep.equal([
      { kind: 'udp', server: { endpoint: '192.0.2.53:53' } },
      { kind: 'udp', server: { endpoint: '[2001:db8::53]:53' } },
      { kind: 'https', server: { url: 'https://dns.example.org/dns-query' } },
      { kind: 'tls', server: { endpoint: '192.0.2.54:853', serverName: 'dns.example.org' } },
    ])
    const names = upstreamsOf(account, { kinds: ALL, system: SYSTEM }).map(upstreamName)
    expect(names.slice(2)).to.deep.equal([
      'https://dns.example.org/dns-query',
      'tls://dns.example.org (192.0.2.54:853)',
    ])
    expect(upstreamsOf(TUNNEL, { kinds: ALL, system: SYSTEM })).to.deep.equal([{ kind: 'system', server: SYSTEM[0] }])
  })

  it('D12 upstreams leave out addresses that are never a server, however they are written', () => {
    const account = {
      ...TUNNEL,
      upstream_do53: [{ ip: '127.0.0.1' }, { ip: 'fd00:ec2::253' }, { ip: '64:ff9b::a9fe:a9fd' }, { ip: '192.0.2.53' }],
      upstream_doh: ['0x7f.1', '[::1]', '169.254.169.254'].map((host) => ({ url: `https://${host}/dns-query` })),
      upstream_dot: [{ ip: '::ffff:127.0.0.1', server_name: 'dns.example.org' }],
    }
    const only = [{ kind: 'udp', server: { endpoint: '192.0.2.53:53' } }]
    expect(upstreamsOf(account, { kinds: ALL, system: SYSTEM })).to.deep.equal(only)
  })

  it('D12 upstreams leave out kinds that no plugin serves, and malformed addresses', () => {
    const account = {
      ...TUNNEL,
      upstream_do53: [{ ip: 'dns.example.org' }],
      upstream_doh: [{ url: 'https://dns.example.org/dns-query' }],
      upstream_dot: [{ ip: 'nowhere', server_name: 'dns.example.org' }],
    }
    const kinds = new Set(['system', 'udp', 'tls'])
    expect(upstreamsOf(account, { kinds, system: SYSTEM })).to.deep.equal([{ kind: 'system', server: SYSTEM[0] }])
  })
})
