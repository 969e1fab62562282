import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { buildTooBig, buildUnreachable, quotedPacket, rewriteQuote } from '../../../core/net/icmp-error.ts'
import { parseAddress } from '../../../core/net/ip-address.ts'
import { PacketView, word } from '../../../core/net/packet-view.ts'
import { buildIcmpError, buildPacket, checksumsAreRight, describePacket } from '../../kit/packet-builder.ts'

const address = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(0)
const IPV4 = { source: '192.0.2.1', destination: '192.0.2.2' }
const IPV6 = { source: '2001:db8::1', destination: '2001:db8::2' }

const parsed = (bytes: Uint8Array): PacketView => {
  const view = new PacketView()
  expect(view.parse(bytes)).to.equal('ok')
  return view
}

describe('an ICMP error that we build', () => {
  it('an ICMP error tells the sender why, and quotes the packet', () => {
    expect(describePacket(buildUnreachable(parsed(buildPacket(IPV4)), 'admin-prohibited'))).to.equal(
      'icmp 3/13 192.0.2.2 > 192.0.2.1 (tcp 192.0.2.1:40000 > 192.0.2.2:443 S)',
    )
    expect(describePacket(buildUnreachable(parsed(buildPacket(IPV6)), 'admin-prohibited'))).to.equal(
      'icmp 1/1 2001:db8::2 > 2001:db8::1 (tcp [2001:db8::1]:40000 > [2001:db8::2]:443 S)',
    )
    expect(describePacket(buildUnreachable(parsed(buildPacket(IPV4)), 'host-unreachable'))).to.contain('icmp 3/1 ')
    expect(describePacket(buildUnreachable(parsed(buildPacket(IPV6)), 'host-unreachable'))).to.contain('icmp 1/3 ')
    expect(describePacket(buildUnreachable(parsed(buildPacket(IPV4)), 'port-unreachable'))).to.contain('icmp 3/3 ')
    expect(describePacket(buildUnreachable(parsed(buildPacket(IPV6)), 'port-unreachable'))).to.contain('icmp 1/4 ')
  })

  it('an ICMP error is no longer than allowed and has right checksums', () => {
    fc.assert(
      fc.property(fc.nat(1_400), fc.constantFrom(IPV4, IPV6), (size, ends) => {
        const packet = parsed(buildPacket({ ...ends, kind: 'udp', payload: new Uint8Array(size) }))
        const error = buildUnreachable(packet, 'host-unreachable') ?? new Uint8Array(0)
        expect(checksumsAreRight(error)).to.equal(true)
        expect(error.length).to.be.at.most(ends === IPV4 ? 576 : 1_280)
        expect(quotedPacket(parsed(error))?.kind).to.equal('udp')
      }),
    )
  })

  it('T7 an ICMP error says how much the path carries, RFC 1191 and RFC 4443', () => {
    for (const [ends, at, kind] of [
      [IPV4, 20, [3, 4]],
      [IPV6, 40, [2, 0]],
    ] as const) {
      const about = parsed(buildPacket({ ...ends, kind: 'udp', payload: new Uint8Array(1_400) }))
      const error = buildTooBig(about, 1_280) ?? new Uint8Array(0)
      expect([...error.subarray(at, at + 2)]).to.deep.equal(kind)
      expect([word(error, at + 4), word(error, at + 6)]).to.deep.equal([0, 1_280])
      expect(checksumsAreRight(error)).to.equal(true)
      expect(quotedPacket(parsed(error))?.kind).to.equal('udp')
    }
  })

  it('no ICMP error answers an ICMP error or an unspecified sender', () => {
    const error = buildIcmpError({ ...IPV4, type: 3, code: 1, about: buildPacket(IPV4) })
    expect(buildUnreachable(parsed(error), 'host-unreachable')).to.equal(undefined)
    const nobody = buildPacket({ source: '0.0.0.0', destination: '192.0.2.2' })
    expect(buildUnreachable(parsed(nobody), 'host-unreachable')).to.equal(undefined)
  })
})

describe('the packet that an ICMP error quotes', () => {
  it('T7 the packet that an ICMP error quotes is rewritten with right checksums, inside and outside', () => {
    const kind = fc.constantFrom('tcp' as const, 'udp' as const, 'echoRequest' as const)
    fc.assert(
      fc.property(
        kind,
        fc.constantFrom(IPV4, IPV6),
        fc.nat(65_535),
        fc.uint8Array({ maxLength: 60 }),
        (some, ends, port, payload) => {
          const about = buildPacket({ ...ends, kind: some, payload })
          const bytes = buildIcmpError({ ...ends, type: ends === IPV4 ? 3 : 2, code: 0, rest: 1_280, about })
          const error = parsed(bytes)
          const quoted = quotedPacket(error)
          if (quoted === undefined) return expect.fail('it quotes a packet')
          const [source, destination] =
            ends === IPV4 ? ['100.64.0.9', '100.96.0.1'] : ['fd00:2021:1111::9', 'fd00:2021:1111:8000::1']
          rewriteQuote(error, quoted, { source: address(source), destination: address(destination), sourcePort: port })
          expect(checksumsAreRight(bytes)).to.equal(true)
          const inner = bytes.subarray(quoted.at)
          expect(checksumsAreRight(inner)).to.equal(true)
          expect(describePacket(inner)).to.equal(
            describePacket(buildPacket({ source, destination, kind: some, sourcePort: port, payload })),
          )
        },
      ),
    )
  })

  it('the packet that an ICMP error quotes may be cut after eight bytes of its transport header', () => {
    const about = buildPacket({ ...IPV4, payload: new Uint8Array(100) })
    const bytes = buildIcmpError({ ...IPV4, type: 11, code: 0, about, quoteLength: 28 })
    const error = parsed(bytes)
    const quoted = quotedPacket(error)
    expect(quoted).to.include({ kind: 'tcp', sourcePort: 40_000, destinationPort: 443 })
    if (quoted !== undefined) rewriteQuote(error, quoted, { destination: address('100.96.0.1'), sourcePort: 7 })
    expect(checksumsAreRight(bytes)).to.equal(true)
    expect(bytes.length).to.equal(56)
  })

  it('an ICMP error quotes no packet where too little is quoted, in a redirect, and in a fragment', () => {
    const about = buildPacket(IPV4)
    expect(quotedPacket(parsed(buildIcmpError({ ...IPV4, type: 3, code: 1, about, quoteLength: 27 })))).to.equal(
      undefined,
    )
    expect(quotedPacket(parsed(buildIcmpError({ ...IPV4, type: 5, code: 1, about })))).to.equal(undefined)
    about[7] = 1
    expect(quotedPacket(parsed(buildIcmpError({ ...IPV4, type: 3, code: 1, about })))).to.equal(undefined)
    const short = buildIcmpError({ ...IPV6, type: 1, code: 1, about: buildPacket(IPV6), quoteLength: 47 })
    expect(quotedPacket(parsed(short))).to.equal(undefined)
  })

  it('reading a quoted packet never throws on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(IPV4, IPV6), (about, ends) => {
        const bytes = buildIcmpError({
          ...ends,
          type: 3,
          code: 1,
          about: about.length === 0 ? Uint8Array.of(0x45) : about,
        })
        const error = parsed(bytes)
        const quoted = quotedPacket(error)
        if (quoted === undefined) return
        const destination = new Uint8Array(quoted.addressLength).fill(1)
        rewriteQuote(error, quoted, { destination, sourcePort: 3 })
        expect(checksumsAreRight(bytes)).to.equal(true)
      }),
      { numRuns: 1_000 },
    )
  })
})
