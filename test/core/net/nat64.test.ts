import { expect } from 'chai'
import { describe, it } from 'mocha'
import { formatAddress, parseAddress } from '../../../core/net/ip-address.ts'
import { nat64Address, nat64PrefixOf } from '../../../core/net/nat64.ts'
import { formatPrefix, parsePrefix } from '../../../core/net/prefix.ts'

const address = (text: string) => parseAddress(text) ?? new Uint8Array()

/** Examples of RFC 6052 §2.4. */
const EXAMPLES = [
  ['2001:db8::/32', '2001:db8:c000:221::'],
  ['2001:db8:100::/40', '2001:db8:1c0:2:21::'],
  ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
  ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
  ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100:0'],
  ['2001:db8:122:344::/96', '2001:db8:122:344::c000:221'],
] as const

describe('core/net/nat64', () => {
  it('an IPv4 address is embedded as in the examples of RFC 6052', () => {
    for (const [text, embedded] of EXAMPLES) {
      const prefix = parsePrefix(text)
      if (prefix === undefined) throw new Error(text)
      const found = nat64Address(prefix, address('192.0.2.33'))
      expect(found && formatAddress(found), text).to.equal(embedded)
    }
  })

  it('a prefix of each length is found in the addresses of ipv4only.arpa', () => {
    for (const [text] of EXAMPLES) {
      const prefix = parsePrefix(text)
      if (prefix === undefined) throw new Error(text)
      for (const known of ['192.0.0.170', '192.0.0.171']) {
        const found = nat64PrefixOf(nat64Address(prefix, address(known)) ?? new Uint8Array())
        expect(found && formatPrefix(found), text).to.equal(text)
      }
    }
    for (const other of ['64:ff9b::c000:221', '2001:db8::1', '192.0.0.170', '2001:db8:c000:aa::c000:aa']) {
      expect(nat64PrefixOf(address(other)), other).to.equal(undefined)
    }
  })

  it('the well-known prefix leads to the Internet only', () => {
    const prefix = parsePrefix('64:ff9b::/96')
    if (prefix === undefined) throw new Error()
    expect(nat64Address(prefix, address('8.8.8.8'))).to.not.equal(undefined)
    for (const inside of ['10.0.0.5', '192.168.1.1', '100.64.0.1', '127.0.0.1']) {
      expect(nat64Address(prefix, address(inside)), inside).to.equal(undefined)
    }
  })
})
