import { expect } from 'chai'
import { describe, it } from 'mocha'
import { TunnelRoutes } from '../../../hosts/client/tunnel-routes.ts'

describe('tunnel routes', () => {
  it('D12 tunnel routes lead to an upstream that is a resource, if its filters let the query pass', () => {
    const routes = new TunnelRoutes()
    const udp = (address: string, port = 53) => routes.carries({ address, port, protocol: 'udp' })
    expect(udp('10.0.0.53')).to.equal(false)
    routes.replaceResources([
      { id: 'a', type: 'cidr', address: '10.0.0.0/24', filters: [{ protocol: 'udp', portStart: 53, portEnd: 53 }] },
      { id: 'b', type: 'cidr', address: '2001:db8::53/128', filters: [] },
      { id: 'c', type: 'dns', address: 'dns.example.org', filters: [] },
    ])
    expect(udp('10.0.0.53')).to.equal(true)
    expect(udp('10.0.0.53', 853)).to.equal(false)
    expect(routes.carries({ address: '10.0.0.53', port: 53, protocol: 'tcp' })).to.equal(false)
    expect(udp('2001:db8::53')).to.equal(true)
    for (const around of ['10.0.1.53', '192.0.2.53', '100.64.0.53', 'dns.example.org'])
      expect(udp(around)).to.equal(false)
  })

  it('D12 tunnel routes lead to public upstreams only through the Internet resource', () => {
    const routes = new TunnelRoutes()
    routes.replaceResources([{ id: 'i', type: 'internet', address: '', filters: [] }])
    const carries = (address: string) => routes.carries({ address, port: 853, protocol: 'tcp' })
    expect(['9.9.9.9', '2620:fe::fe'].map(carries)).to.deep.equal([true, true])
    expect(['192.168.1.1', '10.255.255.53', '127.0.0.53', 'fe80::1'].map(carries)).to.deep.equal([
      false,
      false,
      false,
      false,
    ])
  })
})
