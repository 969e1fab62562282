import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { parseAddress } from '../../../core/net/ip-address.ts'
import { formatPrefix, parsePrefix, prefixContains, type Prefix } from '../../../core/net/prefix.ts'
import { PrefixTrie } from '../../../core/net/prefix-trie.ts'
import { isInRange, MAPPED_ADDRESSES, NOT_INTERNET, OWN_ADDRESSES } from '../../../core/net/reserved-range.ts'

const address = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(0)
const prefix = (text: string): Prefix => parsePrefix(text) ?? { address: new Uint8Array(0), length: -1 }

/** Few distinct bits, so that prefixes and addresses meet. */
const sparseAddress = (length: 4 | 16) =>
  fc
    .array(fc.constantFrom(0, 1, 128, 255), { minLength: length, maxLength: length })
    .map((bytes) => Uint8Array.from(bytes))
const anyPrefix = fc.constantFrom(4 as const, 16 as const).chain((length) =>
  fc.tuple(sparseAddress(length), fc.nat(length * 8)).map(([bytes, bits]): Prefix => {
    const cut = bytes.map((byte, at) => byte & (0xff << (8 - Math.min(8, Math.max(0, bits - at * 8)))))
    return { address: cut, length: bits }
  }),
)
const anyAddress = fc.oneof(sparseAddress(4), sparseAddress(16))

describe('a prefix', () => {
  it('a prefix holds the addresses whose first bits it has', () => {
    expect(prefixContains(prefix('192.0.2.0/25'), address('192.0.2.127'))).to.equal(true)
    expect(prefixContains(prefix('192.0.2.0/25'), address('192.0.2.128'))).to.equal(false)
    expect(prefixContains(prefix('0.0.0.0/0'), address('255.1.2.3'))).to.equal(true)
    expect(prefixContains(prefix('0.0.0.0/0'), address('::1'))).to.equal(false)
    expect(prefixContains(prefix('2001:db8::/33'), address('2001:db8:8000::'))).to.equal(false)
  })

  it('a prefix is refused without a length, with host bits and beyond its family', () => {
    for (const text of [
      '192.0.2.0',
      '192.0.2.1/24',
      '192.0.2.0/33',
      '::/129',
      '/8',
      '1.2.3.4/',
      '192.0.2.0/08',
      '::/-1',
    ]) {
      expect(parsePrefix(text), text).to.equal(undefined)
    }
  })

  it('a prefix is read back from its text', () => {
    fc.assert(fc.property(anyPrefix, (some) => void expect(parsePrefix(formatPrefix(some))).to.deep.equal(some)))
  })
})

describe('the trie of prefixes', () => {
  it('the trie of prefixes finds what a linear scan finds, the longest first', () => {
    fc.assert(
      fc.property(fc.array(anyPrefix, { maxLength: 40 }), anyAddress, (prefixes, some) => {
        const trie = new PrefixTrie<number>()
        for (const [at, each] of prefixes.entries()) trie.add(each, at)
        const scanned = [...prefixes.entries()]
          .filter(([, each]) => prefixContains(each, some))
          .sort(([at, a], [bt, b]) => b.length - a.length || at - bt)
          .map(([at]) => at)
        expect(trie.matches(some, 0, some.length)).to.deep.equal(scanned)
        expect(trie.longestMatch(some)).to.equal(scanned[0])
      }),
    )
  })

  it('the trie of prefixes finds those that were not removed, equal ones in the order that was asked for', () => {
    const additions = fc.array(fc.tuple(anyPrefix, fc.nat(5), fc.boolean()), { maxLength: 40 })
    fc.assert(
      fc.property(additions, anyAddress, (steps, some) => {
        const trie = new PrefixTrie<{ rank: number }>((a, b) => a.rank - b.rank)
        const kept = steps.map(([each, rank, stays]) => ({ prefix: each, value: { rank }, stays }))
        for (const { prefix: each, value } of kept) trie.add(each, value)
        for (const { prefix: each, value, stays } of kept) if (!stays) trie.remove(each, value)
        const scanned = kept
          .filter(({ prefix: each, stays }) => stays && prefixContains(each, some))
          .sort((a, b) => b.prefix.length - a.prefix.length || a.value.rank - b.value.rank)
          .map(({ value }) => value)
        const found = trie.matches(some, 0, some.length)
        expect(found).to.have.length(scanned.length)
        for (const [at, value] of scanned.entries()) expect(found[at]).to.equal(value)
      }),
      { numRuns: 500 },
    )
  })

  it('the trie of prefixes is as if it had never held what was removed again', () => {
    fc.assert(
      fc.property(fc.array(anyPrefix, { maxLength: 40 }), anyAddress, (prefixes, some) => {
        const trie = new PrefixTrie<number>()
        for (const [at, each] of prefixes.entries()) trie.add(each, at)
        for (const [at, each] of prefixes.entries()) trie.remove(each, at)
        expect(trie.matches(some, 0, some.length)).to.deep.equal([])
      }),
    )
  })

  it('the trie of prefixes is empty after it was cleared', () => {
    const trie = new PrefixTrie<string>()
    trie.add(prefix('::/0'), 'all')
    trie.clear()
    expect(trie.longestMatch(address('::1'))).to.equal(undefined)
  })
})

describe('the reserved ranges', () => {
  it('the reserved ranges keep tunnel, mapped and Internet addresses apart', () => {
    expect(isInRange(MAPPED_ADDRESSES, address('100.95.255.255'))).to.equal(false)
    expect(isInRange(MAPPED_ADDRESSES, address('100.96.0.0'))).to.equal(true)
    expect(isInRange(MAPPED_ADDRESSES, address('fd00:2021:1111:8000::'))).to.equal(true)
    expect(isInRange(MAPPED_ADDRESSES, address('fd00:2021:1111::1'))).to.equal(false)
    expect(isInRange(OWN_ADDRESSES, address('100.128.0.0'))).to.equal(false)
    for (const text of [
      '10.0.0.1',
      '192.168.1.1',
      '172.31.0.1',
      '127.0.0.1',
      '169.254.169.254',
      '240.0.0.1',
      '255.255.255.255',
    ]) {
      expect(isInRange(NOT_INTERNET, address(text)), text).to.equal(true)
    }
    for (const text of ['::1', 'fe80::1', 'fd12::1', 'ff02::1', '::ffff:10.0.0.1', '100.64.0.1']) {
      expect(isInRange(NOT_INTERNET, address(text)), text).to.equal(true)
    }
    for (const text of ['192.0.2.1', '172.32.0.1', '2001:db8::1'])
      expect(isInRange(NOT_INTERNET, address(text)), text).to.equal(false)
  })

  it('T8 the reserved ranges keep from the Internet what is not globally reachable, however an IPv4 address is spelt', () => {
    const ipv4s = [
      '10.0.0.5',
      '127.0.0.1',
      '169.254.169.254',
      '192.168.7.1',
      '198.18.0.1',
      '198.19.255.255',
      '192.0.0.8',
    ]
    for (const ipv4 of ipv4s) {
      const [high, low] = wordsOf(ipv4)
      const spellings = [
        `::${ipv4}`,
        `::ffff:${ipv4}`,
        `::ffff:0:${ipv4}`,
        `64:ff9b::${ipv4}`,
        `2002:${high}:${low}::1`,
      ]
      for (const text of [ipv4, ...spellings]) expect(isInRange(NOT_INTERNET, address(text)), text).to.equal(true)
    }
    const others = ['64:ff9b:1::1', '100::1', '100:0:0:1::1', '2001::1', '2001:2::1', '3fff::1', '5f00::1', 'fec0::1']
    for (const text of others) expect(isInRange(NOT_INTERNET, address(text)), text).to.equal(true)
    const [high, low] = wordsOf('198.51.100.7')
    const open = [
      '198.20.0.1',
      '192.0.1.1',
      '64:ff9b::198.51.100.7',
      `2002:${high}:${low}::1`,
      '2001:200::1',
      '2620::1',
    ]
    for (const text of open) expect(isInRange(NOT_INTERNET, address(text)), text).to.equal(false)
  })
})

/** The two words that an IPv4 address takes in an IPv6 one. */
const wordsOf = (ipv4: string): string[] => {
  const [a = 0, b = 0, c = 0, d = 0] = address(ipv4)
  return [(a << 8) | b, (c << 8) | d].map((word) => word.toString(16))
}
