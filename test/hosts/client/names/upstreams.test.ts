import { expect } from 'chai'
import { describe, it } from 'mocha'
import { ClientInterface } from '../../../../core/control/client-messages.ts'
import { chosenResolvers } from '../../../../core/plugin/chosen-resolvers.ts'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { ownUpstreams, shownUpstream, upstreamReader, upstreamsOf } from '../../../../hosts/client/names/upstreams.ts'
import { resolverPlugins } from '../../../kit/resolver-plugins.ts'

const TUNNEL = { ipv4: '100.64.0.1', ipv6: 'fd00:2021:1111::1' }
const plugins = resolverPlugins(['system', 'udp', 'https', 'tls'], [endpoint('198.51.100.53', 53)])
const own = ownUpstreams(chosenResolvers(plugins, [{ type: 'system', settings: {} }]))

const chosen = (about: object, read = upstreamReader(plugins)) =>
  upstreamsOf(ClientInterface.parse({ ...TUNNEL, ...about }), { read, own })
/** Upstreams of a client with these plugins, as it shows them, for the interface that a portal sends. */
const shown = (about: object): string[] => chosen(about).upstreams.map(shownUpstream)
const OWN = ['198.51.100.53:53']

describe('upstreams', () => {
  it("D12 upstreams are the account's resolvers, of every plugin and in the account's order, or else the client's own", () => {
    const upstream_resolvers = [
      { type: 'tls', settings: { address: '192.0.2.54', server_name: 'dns.example.org' } },
      { type: 'udp', settings: { address: '2001:db8::53', port: 5353 } },
      { type: 'https', settings: { url: 'https://dns.example.org/dns-query' } },
    ]
    const released = { upstream_do53: [{ ip: '192.0.2.1' }], upstream_dns: [] }
    expect(shown({ upstream_resolvers, ...released })).to.deep.equal([
      'tls://dns.example.org (192.0.2.54:853)',
      '[2001:db8::53]:5353',
      'https://dns.example.org/dns-query',
    ])
    expect(shown({ upstream_resolvers: [] })).to.deep.equal(OWN)
    expect(shown({})).to.deep.equal(OWN)
  })

  it('D12 upstreams are, of a released portal, its plain servers before those over HTTPS', () => {
    const upstream_doh = [{ url: 'https://dns.example.org/dns-query' }]
    const upstream_dns = [{ protocol: 'ip_port', address: '192.0.2.55:5353' }]
    const upstream_do53 = [{ ip: '192.0.2.53' }, { ip: '2001:db8::53' }]
    expect(shown({ upstream_doh, upstream_dns, upstream_do53 })).to.deep.equal([
      '192.0.2.53:53',
      '[2001:db8::53]:53',
      'https://dns.example.org/dns-query',
    ])
    expect(shown({ upstream_doh, upstream_dns })).to.deep.equal([
      '192.0.2.55:5353',
      'https://dns.example.org/dns-query',
    ])
  })

  it("D12 upstreams end with the client's own where the account's are all for certain domains", () => {
    const corp = { type: 'udp', settings: { address: '192.0.2.53' }, match: ['corp.example', 'example.net'] }
    expect(shown({ upstream_resolvers: [corp] })).to.deep.equal(['192.0.2.53:53 for corp.example example.net', ...OWN])
    const general = { type: 'udp', settings: { address: '192.0.2.54' } }
    expect(shown({ upstream_resolvers: [corp, general] })).to.have.length(2)
    expect(shown({ upstream_resolvers: [corp, { type: 'system', settings: {} }] })).to.deep.equal([
      '192.0.2.53:53 for corp.example example.net',
      'system',
    ])
  })

  it('D12 upstreams leave out addresses that are never a server, however they are written', () => {
    const never = ['127.0.0.1', 'fd00:ec2::253', '64:ff9b::a9fe:a9fd', '::ffff:127.0.0.1', 'dns.example.org']
    const hosts = ['0x7f.1', '[::1]', '169.254.169.254', 'localhost']
    const upstream_resolvers = [
      ...never.map((address) => ({ type: 'udp', settings: { address } })),
      ...never.map((address) => ({ type: 'tls', settings: { address, server_name: 'dns.example.org' } })),
      ...hosts.map((host) => ({ type: 'https', settings: { url: `https://${host}/dns-query` } })),
    ]
    expect(shown({ upstream_resolvers })).to.deep.equal(OWN)
    const { unusable } = chosen({ upstream_resolvers })
    expect(unusable).to.have.length(upstream_resolvers.length)
    expect(unusable.filter(({ reason }) => reason === 'own-machine').map(({ text }) => text)).to.include(
      'The account\'s resolver "udp" is not asked: settings.address is this machine itself, which only its own client.yaml may name in resolvers.',
    )
    const upstream_do53 = [...never.map((ip) => ({ ip })), { ip: '192.0.2.53' }]
    const upstream_doh = hosts.map((host) => ({ url: `https://${host}/dns-query` }))
    expect(shown({ upstream_do53, upstream_doh })).to.deep.equal(['192.0.2.53:53'])
  })

  it('D12 upstreams leave out resolvers that no plugin of the client provides, and settings that its plugin refuses', () => {
    const upstream_resolvers = [
      { type: 'https', settings: { url: 'https://dns.example.org/dns-query' } },
      { type: 'udp', settings: { address: '192.0.2.53', colour: 'red' } },
      { type: 'udp' },
      'udp',
    ]
    const { upstreams, unusable } = chosen({ upstream_resolvers }, upstreamReader(resolverPlugins(['udp'])))
    expect(upstreams.map(shownUpstream)).to.deep.equal(OWN)
    expect(unusable.map(({ resolver, reason }) => ({ resolver, reason }))).to.deep.equal([
      { resolver: 'https', reason: 'no-plugin' },
      { resolver: 'udp', reason: 'settings-refused' },
    ])
    expect(unusable[0]?.text).to.equal(
      'The account\'s resolver "https" is not asked: no plugin of this client provides it; those there are provide: udp. Add its plugin to plugins in client.yaml.',
    )
    expect(unusable[1]?.text).to.match(/refuses the settings .*colour/)
  })
})
