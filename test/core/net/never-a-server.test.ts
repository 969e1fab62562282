import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { embeddedIpv4 } from '../../../core/net/embedded-ipv4.ts'
import { formatAddress, parseAddress } from '../../../core/net/ip-address.ts'
import { isGrantedBy, whyNeverAServer, whyNoServers } from '../../../core/net/never-a-server.ts'
import { hostPrefix, parsePrefix, type Prefix } from '../../../core/net/prefix.ts'
import { isOfInternet } from '../../../core/net/reserved-range.ts'
import { spellingsOf } from '../../kit/ipv4-spellings.ts'

const bytes = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(0)
const prefix = (text: string): Prefix => parsePrefix(text) ?? { address: new Uint8Array(0), length: -1 }

const NEVER: readonly [string, string][] = [
  ['127.0.0.1', 'loopback'],
  ['127.255.1.1', 'loopback'],
  ['::1', 'loopback'],
  ['169.254.169.254', 'link-local'],
  ['169.254.170.2', 'link-local'],
  ['169.254.170.23', 'link-local'],
  ['fe80::a9fe:a9fe', 'link-local'],
  ['100.100.100.200', 'tunnel'],
  ['100.64.0.1', 'tunnel'],
  ['fd00:2021:1111:8000::5', 'tunnel'],
  ['168.63.129.16', 'metadata'],
  ['192.0.0.192', 'metadata'],
  ['fd00:ec2::254', 'metadata'],
  ['fd00:ec2::23', 'metadata'],
  ['fd20:ce::254', 'metadata'],
  ['fd00:a9fe:a9fe::1', 'metadata'],
  ['fd00:c1::a9fe:a9fe', 'metadata'],
  ['fd00:42::42', 'metadata'],
  ['0.0.0.0', 'unspecified'],
  ['0.1.2.3', 'unspecified'],
  ['::', 'unspecified'],
  ['192.0.0.8', 'unspecified'],
  ['224.0.0.251', 'multicast'],
  ['ff02::fb', 'multicast'],
  ['255.255.255.255', 'broadcast'],
]

describe("addresses that are nobody's server", () => {
  for (const [text, reason] of NEVER) {
    it(`${text} is nobody's server, as ${reason}`, () => {
      expect(whyNeverAServer(bytes(text))).to.equal(reason)
      expect(isOfInternet(bytes(text))).to.equal(false)
    })
  }

  it("an address that is nobody's server is found in every IPv6 address that stands for it", () => {
    // 0.0.0.0/8 within a site's own NAT64 prefix is the padding of a longer one.
    for (const [ipv4, reason] of NEVER.filter(([text]) => !text.includes(':') && !text.startsWith('0.'))) {
      for (const text of spellingsOf(ipv4)) {
        expect(whyNeverAServer(bytes(text)), text).to.equal(reason)
        expect(isOfInternet(bytes(text)), text).to.equal(false)
        expect(whyNoServers(hostPrefix(bytes(text))), text).to.equal(reason)
      }
    }
  })

  it('addresses that a site has may be servers: private, public, and these behind its own translators', () => {
    const servers = ['10.0.0.5', '192.168.7.1', '198.51.100.7', '2001:db8::5', 'fd12:3456::1', '64:ff9b::10.0.0.5']
    const translated = ['64:ff9b:1::10.0.0.5', '64:ff9b:1:a00:0:500::', '64:ff9b:1:a:0:5::', '64:ff9b:1:0:a:0:500:0']
    for (const text of [...servers, ...translated, '2002:a00:5::1', '64:ff9b::198.51.100.7']) {
      expect(whyNeverAServer(bytes(text)), text).to.equal(undefined)
    }
  })

  it("any IPv4 address in the IPv6 form that a kernel unwraps is nobody's server", () => {
    expect(whyNeverAServer(bytes('::ffff:192.0.2.1'))).to.equal('ipv4-in-ipv6')
    expect(whyNeverAServer(bytes('::192.0.2.1'))).to.equal('ipv4-in-ipv6')
  })

  it('a prefix has no servers only where all of its addresses have none', () => {
    for (const text of [
      '127.0.0.0/9',
      '169.254.169.254/31',
      '64:ff9b::a9fe:a9fe/127',
      '64:ff9b::a9fe:0/112',
      '2002:a9fe::/32',
    ]) {
      expect(whyNoServers(prefix(text)), text).to.be.a('string')
    }
    for (const text of [
      '10.0.0.0/8',
      '168.63.0.0/16',
      '64:ff9b::/96',
      '2002::/16',
      '2000::/3',
      'fd00::/8',
      '192.0.0.0/16',
    ]) {
      expect(whyNoServers(prefix(text)), text).to.equal(undefined)
    }
  })

  it('a network around a metadata service does not mean it; a prefix of the service alone does', () => {
    expect(isGrantedBy(prefix('168.63.0.0/16'), bytes('168.63.129.16'))).to.equal(false)
    expect(isGrantedBy(prefix('168.63.129.16/32'), bytes('168.63.129.16'))).to.equal(true)
    expect(isGrantedBy(prefix('fd00::/8'), bytes('fd00:ec2::254'))).to.equal(false)
    expect(isGrantedBy(prefix('64:ff9b::/96'), bytes('64:ff9b::169.254.169.254'))).to.equal(false)
    expect(isGrantedBy(prefix('169.254.169.254/32'), bytes('169.254.169.254'))).to.equal(false)
    expect(isGrantedBy(prefix('10.0.0.0/8'), bytes('10.0.0.5'))).to.equal(true)
  })

  it('any bytes may be asked about as an address, and what is embedded is an IPv4 address', () => {
    const address = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.ipV4().map((ipv4) => bytes(`2001:db8::5efe:${ipv4}`)),
    )
    fc.assert(
      fc.property(address, (one) => {
        for (const ipv4 of embeddedIpv4(one)) {
          expect(ipv4).to.have.length(4)
          if (whyNeverAServer(ipv4) !== undefined) {
            expect(whyNeverAServer(one), formatAddress(one)).to.not.equal(undefined)
          }
        }
      }),
    )
  })
})
