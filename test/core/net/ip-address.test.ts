import { expect } from 'chai'
import * as fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, it } from 'mocha'
import { canonicalAddress, compareAddresses, formatAddress, parseAddress } from '../../../core/net/ip-address.ts'

const addressBytes = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  // Runs of zeros, which random bytes do not have.
  fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
)

describe('an IP address', () => {
  it('an IP address is read back from its text', () => {
    fc.assert(
      fc.property(addressBytes, (bytes) => void expect(parseAddress(formatAddress(bytes))).to.deep.equal(bytes)),
    )
  })

  it('an IP address means the same to ipaddr.js', () => {
    fc.assert(
      fc.property(addressBytes, (bytes) => {
        expect(ipaddr.parse(formatAddress(bytes)).toByteArray()).to.deep.equal([...bytes])
        const theirs = ipaddr.fromByteArray([...bytes])
        const text =
          theirs.kind() === 'ipv6' && 'toRFC5952String' in theirs ? theirs.toRFC5952String() : theirs.toString()
        expect(canonicalAddress(text)).to.equal(formatAddress(bytes))
      }),
    )
  })

  it('an IP address is one text, whatever way it was written (RFC 5952)', () => {
    expect(canonicalAddress('2001:DB8:0:0:1:0:0:1')).to.equal('2001:db8::1:0:0:1')
    expect(canonicalAddress('2001:db8:0:1:1:1:1:1')).to.equal('2001:db8:0:1:1:1:1:1')
    expect(canonicalAddress('::ffff:c000:0201')).to.equal('::ffff:192.0.2.1')
    expect(canonicalAddress('0:0:0:0:0:0:0:0')).to.equal('::')
    expect(canonicalAddress('fd00:2021:1111:8000::')).to.equal('fd00:2021:1111:8000::')
    expect(canonicalAddress('64:ff9b::192.0.2.33')).to.equal('64:ff9b::c000:221')
  })

  it('text that is not exactly an IP address is refused', () => {
    const wrong = [
      '',
      '1.2.3',
      '1.2.3.4.5',
      '01.2.3.4',
      '1.2.3.256',
      '1.2.3.-4',
      '0x7f.1',
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
    ]
    wrong.push(
      '1:2:3:4:5:6:7:8:9',
      '1:2:3:4:5:6:7::8',
      'fe80::1%eth0',
      '::1/128',
      '12345::',
      '1.2.3.4::',
      '::1.2.3',
      ' ::1',
      '2130706433',
    )
    for (const text of wrong) expect(parseAddress(text), text).to.equal(undefined)
  })

  it('reading an IP address never throws on any text', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseAddress(text)))
    fc.assert(
      fc.property(fc.array(fc.constantFrom(':', '.', '0', 'f', '1')), (parts) => void parseAddress(parts.join(''))),
    )
  })

  it('IP addresses are ordered by number, IPv4 first', () => {
    const sorted = ['::1', '10.0.0.2', '9.255.0.0', 'fd00::', '10.0.0.10']
      .map((text) => parseAddress(text) ?? new Uint8Array(0))
      .sort(compareAddresses)
      .map((bytes) => formatAddress(bytes))
    expect(sorted).to.deep.equal(['9.255.0.0', '10.0.0.2', '10.0.0.10', '::1', 'fd00::'])
  })
})
