import { expect } from 'chai'
import { describe, it } from 'mocha'
import { addressBytes, addressText, isMapped, MappedAddresses } from '../../../core/dns/mapped-addresses.ts'
import { Sentinels } from '../../../core/dns/sentinels.ts'
import {
  addressRanges,
  DEFAULT_RANGE_TEXTS,
  DEFAULT_RANGES,
  rangeProblems,
  toldRanges,
  type AddressRangeTexts,
} from '../../../core/net/address-ranges.ts'
import { parseAddress } from '../../../core/net/ip-address.ts'
import { formatPrefix } from '../../../core/net/prefix.ts'
import { isInRange } from '../../../core/net/reserved-range.ts'
import { instant } from '../../../core/runtime/time.ts'
import { addressesAt, FIRST_OFFSET, lastOffset, offsetOf } from '../../../hosts/portal/store/tunnel-addresses.ts'

const OWN: AddressRangeTexts = {
  devices_ipv4: '10.200.0.0/20',
  devices_ipv6: 'fd12:3456:789a::/64',
  mapped_ipv4: '192.168.64.0/18',
  mapped_ipv6: 'fd12:3456:789a:1::/64',
}

const own = (changed: Partial<AddressRangeTexts> = {}) => {
  const ranges = addressRanges({ ...OWN, ...changed })
  if (ranges === undefined) throw new Error('not allowed')
  return ranges
}

const bytesOf = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array()

describe('address ranges of an account', () => {
  it('M6 address ranges are the usual ones where none are told, or none that are allowed', () => {
    expect(toldRanges(undefined)).to.equal(DEFAULT_RANGES)
    expect(toldRanges({ ...OWN, mapped_ipv4: '127.0.0.0/16' })).to.equal(DEFAULT_RANGES)
    expect(addressRanges(DEFAULT_RANGE_TEXTS)).to.equal(DEFAULT_RANGES)
    // A range that is written out says the same as the usual one does.
    const mixed = own({ mapped_ipv4: DEFAULT_RANGE_TEXTS.mapped_ipv4, mapped_ipv6: DEFAULT_RANGE_TEXTS.mapped_ipv6 })
    expect(mixed.sentinels.map(formatPrefix)).to.deep.equal(DEFAULT_RANGES.sentinels.map(formatPrefix))
    expect(mixed.mapped.map(formatPrefix)).to.deep.equal(DEFAULT_RANGES.mapped.map(formatPrefix))
  })

  it('M6 address ranges that overlap, are too small, public, loopback, link-local or multicast are refused, and why', () => {
    for (const [changed, why] of [
      [{ devices_ipv4: '10.200.0.0/23' }, /11 to 22/],
      [{ devices_ipv4: '10.0.0.0/8' }, /11 to 22/],
      [{ devices_ipv4: '10.200.0.1/20' }, /host bits/],
      [{ devices_ipv4: 'fd12::/64' }, /IPv4/],
      [{ devices_ipv4: '203.0.112.0/20' }, /private or shared/],
      [{ devices_ipv4: '127.0.0.0/16' }, /private or shared/],
      [{ devices_ipv4: '169.254.0.0/16' }, /private or shared/],
      [{ devices_ipv4: '224.0.0.0/16' }, /private or shared/],
      [{ devices_ipv4: '100.96.0.0/16' }, /clients that know of no ranges/],
      [{ devices_ipv6: 'fd12:3456:789a::/48' }, /\/64/],
      [{ devices_ipv6: 'fe80::/64' }, /private or shared/],
      [{ devices_ipv6: '2001:db8::/64' }, /private or shared/],
      [{ devices_ipv6: 'fd00:ec2::/64' }, /metadata/],
      [{ mapped_ipv4: '10.200.0.0/18' }, /overlaps devices_ipv4/],
      [{ mapped_ipv4: '192.168.64.0/19' }, /11 to 18/],
      [{ mapped_ipv6: 'fd12:3456:789a::/64' }, /overlaps devices_ipv6/],
    ] as const) {
      const problems = rangeProblems({ ...OWN, ...changed })
      expect(problems.map(({ problem }) => problem).join(), JSON.stringify(changed)).to.match(why)
      expect(problems[0]?.range).to.equal(Object.keys(changed)[0])
    }
    expect(rangeProblems(OWN)).to.deep.equal([])
  })

  it('M6 devices, names and the resolver have addresses of their own in the ranges, all of them different', () => {
    for (const ranges of [own(), own({ mapped_ipv4: '172.16.0.0/12' }), DEFAULT_RANGES]) {
      const last = lastOffset(ranges)
      for (const offset of [FIRST_OFFSET, last]) {
        const { ipv4, ipv6 } = addressesAt(offset, ranges)
        expect(isInRange(ranges.tunnel, bytesOf(ipv4)) && isInRange(ranges.tunnel, bytesOf(ipv6))).to.equal(true)
        expect(offsetOf({ ipv4 }, ranges)).to.equal(offset)
      }
      expect(() => addressesAt(last + 1, ranges)).to.throw(RangeError)
      const sentinels = new Sentinels().assign([{ isIpv6: false }, { isIpv6: true }], ranges)
      expect(sentinels.every((text) => isInRange(ranges.sentinels, bytesOf(text)) && isMapped(bytesOf(text), ranges)))
      const names = new MappedAddresses()
      names.moveTo(ranges)
      const { number = 0 } = names.assign('a.example.org', { isExact: true, now: instant(0) })
      for (const text of Object.values(addressText(number, ranges)).flat()) {
        expect(isMapped(bytesOf(text), ranges), text).to.equal(true)
        expect(names.nameOf(bytesOf(text))).to.equal('a.example.org')
        expect(sentinels).not.to.include(text)
      }
    }
  })

  it('M6 names keep their place when the ranges change, and those for which there is no room lose it', () => {
    const names = new MappedAddresses({ capacity: Infinity })
    const at = { isExact: false, now: instant(0) }
    // A mapped range of 2^14 addresses has room for (2^14 - 2 - 256) / 4 names.
    for (let n = 0; n < 4_100; n++) names.assign(`n${n}.example.org`, at)
    const ranges = own()
    const lost = names.moveTo(ranges)
    expect(lost).to.have.length(4_100 - 4_031)
    const seen = new Set<string>()
    for (let n = 0; n < 4_031; n += 31) {
      for (const bytes of addressBytes(n, 'ipv4', ranges)) {
        seen.add(bytes.join())
        expect(isInRange(ranges.sentinels, bytes)).to.equal(false)
      }
      const [first = new Uint8Array()] = addressBytes(n, 'ipv6', ranges)
      expect(names.nameOf(first)).to.equal(`n${n}.example.org`)
    }
    expect(seen.size).to.equal(4 * 131)
    expect(names.assign('late.example.org', at).number, 'the range is full').to.equal(undefined)
    expect(names.moveTo(DEFAULT_RANGES)).to.deep.equal([])
    expect(names.assign('late.example.org', at).number).to.be.a('number')
  })
})
