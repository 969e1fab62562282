import { expect } from 'chai'
import * as fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, it } from 'mocha'
import {
  addressBytes,
  addressText,
  isMapped,
  leadsToMapped,
  MappedAddresses,
} from '../../../core/dns/mapped-addresses.ts'
import { instant } from '../../../core/runtime/time.ts'
import { reverseAddress } from '../../../core/dns/reverse-address.ts'

const WILD = { isExact: false, now: instant(0) }

describe('mapped addresses', () => {
  it('D1 no two names share an address, each leads back to its name, and all lie where they may', () => {
    const mapped = new MappedAddresses({ capacity: Infinity })
    const owner = new Map<string, number>()
    for (let n = 0; mapped.assign(`n${n}.example.org`, WILD).number === n; n++);
    expect(mapped.size).to.equal(524_223)
    for (let n = 0; n < mapped.size; n = n < 300 || (n > 72_500 && n < 72_800) ? n + 1 : n + 997) {
      const { ipv4, ipv6 } = addressText(n)
      for (const [texts, family] of [
        [ipv4, 'ipv4'],
        [ipv6, 'ipv6'],
      ] as const) {
        expect(texts).to.have.length(4)
        const bytes = addressBytes(n, family)
        for (const [i, text] of texts.entries()) {
          expect(ipaddr.parse(text).toByteArray()).to.deep.equal([...(bytes[i] ?? [])])
          expect(ipaddr.parse(text).toString()).to.equal(text)
          expect(owner.has(text)).to.equal(false)
          owner.set(text, n)
          expect(inRanges(text)).to.equal(true)
          expect(mapped.nameOf(bytes[i] ?? new Uint8Array())).to.equal(`n${n}.example.org`)
        }
      }
    }
    const last = addressText(mapped.size - 1).ipv4
    expect(last.at(-1)).to.satisfy((text: string) => text.startsWith('100.127.255.') && text !== '100.127.255.255')
    expect(mapped.assign('n5.example.org', WILD)).to.deep.include({ number: 5, isNew: false })
  })

  it('mapped addresses of forgotten names are handed out last, and in turn', () => {
    const mapped = new MappedAddresses({ capacity: 2, groups: 5 })
    const at = (hours: number) => ({ isExact: false, now: instant(hours * 3_600_000) })
    const numbers: (number | undefined)[] = []
    for (let n = 0; n < 12; n++) {
      const { number, forgotten } = mapped.assign(`n${n}.example.org`, at(n * 7))
      numbers.push(number)
      if (forgotten !== undefined) expect(mapped.numberOf(forgotten)).to.equal(undefined)
    }
    // The third name gets no number, and starts the watch after which unused names are forgotten.
    expect(numbers).to.deep.equal([0, 1, undefined, 2, 3, 4, 0, 1, 2, 3, 4, 0])
    expect(mapped.size).to.equal(2)
    expect(mapped.nameOf(addressBytes(0, 'ipv4')[0] ?? new Uint8Array())).to.equal('n11.example.org')
    expect(mapped.nameOf(addressBytes(2, 'ipv4')[0] ?? new Uint8Array())).to.equal(undefined)
  })

  it('mapped and sentinel addresses are known as such, and one that was not handed out has no name', () => {
    const mapped = new MappedAddresses()
    mapped.assign('a.example.org', WILD)
    const four = fc.tuple(fc.constantFrom(99, 100, 101), fc.nat(255), fc.nat(255), fc.nat(255)).map((b) => b.join('.'))
    const six = fc
      .tuple(
        fc.constantFrom('fd00:2021:1111:8000:0:0', 'fd00:2021:1111:8000:100:100', 'fd00:2021:1111:0:0:0'),
        fc.nat(0x200),
        fc.nat(0xffff),
      )
      .map(([prefix, high, low]) => `${prefix}:${high.toString(16)}:${low.toString(16)}`)
    fc.assert(
      fc.property(fc.oneof(four, six), (text) => {
        const bytes = Uint8Array.from(ipaddr.parse(text).toByteArray())
        const expected = inRanges(text) || isSentinel(text)
        expect(isMapped(bytes)).to.equal(expected)
        expect(leadsToMapped(bytes)).to.equal(expected)
        for (const prefix of bytes.length === 4 ? ['::ffff:', '::', '64:ff9b::'] : []) {
          const within = Uint8Array.from(ipaddr.parse(`${prefix}${text}`).toByteArray())
          expect([isMapped(within), leadsToMapped(within)]).to.deep.equal([false, expected])
        }
        const own = [...addressText(0).ipv4, ...addressText(0).ipv6]
        expect(mapped.nameOf(bytes) !== undefined).to.equal(own.includes(ipaddr.parse(text).toString()))
      }),
      { numRuns: 2_000 },
    )
  })

  it('D4 a mapped address is read out of a reverse name, and nothing out of any other name', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6())
    fc.assert(
      fc.property(address, fc.string(), (text, noise) => {
        const bytes = ipaddr.parse(text).toByteArray()
        const name =
          bytes.length === 4
            ? `${bytes.toReversed().join('.')}.in-addr.arpa`
            : `${Buffer.from(bytes).toString('hex').split('').toReversed().join('.')}.ip6.arpa`
        expect([...(reverseAddress(name) ?? [])]).to.deep.equal(bytes)
        expect(reverseAddress(`x.${name}`)).to.equal(undefined)
        expect(reverseAddress(`${noise}x.in-addr.arpa`)).to.equal(undefined)
      }),
    )
    expect(reverseAddress('256.0.96.100.in-addr.arpa')).to.equal(undefined)
    expect(reverseAddress('01.0.96.100.in-addr.arpa')).to.equal(undefined)
  })
})

const contains = (range: string, text: string): boolean => {
  const address = ipaddr.parse(text)
  const [network, bits] = ipaddr.parseCIDR(range)
  return network.kind() === address.kind() && address.match(network, bits)
}
const isSentinel = (text: string): boolean =>
  contains('100.100.111.0/24', text) || contains('fd00:2021:1111:8000:100:100:111:0/120', text)
const inRanges = (text: string): boolean =>
  !isSentinel(text) && (contains('100.96.0.0/11', text) || contains('fd00:2021:1111:8000::/107', text))
