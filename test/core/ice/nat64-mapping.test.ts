import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Nat64Mapping } from '../../../core/ice/nat64-mapping.ts'
import { parsePrefix } from '../../../core/net/prefix.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'

const IPV4 = 'candidate:1 1 udp 2130706175 203.0.113.7 52625 typ host'
const IPV6 = 'candidate:2 1 udp 2130706431 2001:db8::7 52625 typ host'
const MAPPED = 'candidate:1 1 udp 2130706175 2001:db8:64::cb00:7107 52625 typ host'
const LATER = 'candidate:1 1 udp 2130706175 2001:db8:65::cb00:7107 52625 typ host'
const METADATA = 'candidate:1 1 udp 2130706175 169.254.169.254 80 typ host'

describe('endpoints of others behind a NAT64', () => {
  it('IPv4 candidates are mapped beside the others, also those that came before the prefix was known, until it goes', () => {
    const mapping = new Nat64Mapping<string>()
    mapping.know('gateway')
    expect(mapping.add('gateway', [IPV4, IPV6, 'nonsense'])).to.deep.equal([IPV4, IPV6, 'nonsense'])
    expect(mapping.setPrefix(parsePrefix('2001:db8:64::/96'))).to.deep.equal([
      { peer: 'gateway', added: [MAPPED], removed: [] },
    ])
    expect(mapping.add('gateway', [IPV4, METADATA])).to.deep.equal([IPV4, MAPPED, METADATA])
    expect(mapping.setPrefix(parsePrefix('2001:db8:65::/96'))).to.deep.equal([
      { peer: 'gateway', added: [LATER], removed: [MAPPED] },
    ])
    expect(mapping.remove('gateway', [IPV4])).to.deep.equal([IPV4, LATER])
    expect(mapping.setPrefix(undefined)).to.deep.equal([])
    mapping.forget('gateway')
  })

  it('a server that has IPv4 only is asked by its mapped endpoint, too', () => {
    const mapping = new Nat64Mapping<string>()
    const [ipv4, ipv6] = [endpoint('203.0.113.10', 3478), endpoint('2001:db8::10', 3478)]
    expect(mapping.endpoints([ipv4])).to.deep.equal([ipv4])
    mapping.setPrefix(parsePrefix('2001:db8:64::/96'))
    expect(mapping.endpoints([ipv4])).to.deep.equal([ipv4, '[2001:db8:64::cb00:710a]:3478'])
    expect(mapping.endpoints([ipv4, ipv6])).to.deep.equal([ipv4, ipv6])
  })
})
