import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { ICMP, ICMPV6, TCP, UDP } from '../../../core/net/packet-view.ts'
import { firstPermitting, PortFilters, type PortFilter } from '../../../core/net/port-filter.ts'

const filter = (protocol: PortFilter['protocol'], portStart = 0, portEnd = 65_535): PortFilter => ({
  protocol,
  portStart,
  portEnd,
})
const GRE = 47

describe('port filters', () => {
  it('port filters permit everything where there are none', () => {
    for (const protocol of [TCP, UDP, ICMP, ICMPV6, GRE]) {
      expect(new PortFilters([]).verdict(protocol, 1)).to.equal('permitted')
    }
  })

  it('port filters permit only what they name where there is one', () => {
    const filters = new PortFilters([filter('tcp', 443, 443), filter('tcp', 8_000, 8_100), filter('icmp', 1, 1)])
    expect(filters.verdict(TCP, 443)).to.equal('permitted')
    expect(filters.verdict(TCP, 8_100)).to.equal('permitted')
    expect(filters.verdict(TCP, 8_101)).to.equal('port-refused')
    expect(filters.verdict(UDP, 443)).to.equal('protocol-refused')
    expect(filters.verdict(GRE, 0)).to.equal('protocol-refused')
    expect(filters.verdict(ICMP, 0)).to.equal('permitted')
    expect(filters.verdict(ICMPV6, 0)).to.equal('permitted')
  })

  it('T5 the first of several entries whose port filters permit wins', () => {
    const entries = [
      { name: 'narrow', filters: new PortFilters([filter('tcp', 443, 443)]) },
      { name: 'wide', filters: new PortFilters([filter('tcp')]) },
    ]
    expect(firstPermitting(entries, TCP, 443)).to.deep.equal({ verdict: 'permitted', entry: entries[0] })
    expect(firstPermitting(entries, TCP, 80)).to.deep.equal({ verdict: 'permitted', entry: entries[1] })
    expect(firstPermitting(entries, UDP, 80)).to.deep.equal({ verdict: 'protocol-refused' })
    expect(firstPermitting([], UDP, 80)).to.deep.equal({ verdict: 'no-entry' })
  })

  it('port filters together permit what any one of them permits', () => {
    const some = fc.record({
      protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const),
      portStart: fc.nat(20),
      portEnd: fc.nat(20),
    })
    fc.assert(
      fc.property(
        fc.array(some, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(TCP, UDP, ICMP),
        fc.nat(20),
        (list, protocol, port) => {
          const numbers = { tcp: TCP, udp: UDP, icmp: ICMP }
          const expected = list.some(
            (each) =>
              numbers[each.protocol] === protocol &&
              (protocol === ICMP || (port >= each.portStart && port <= each.portEnd)),
          )
          expect(new PortFilters(list).verdict(protocol, port) === 'permitted').to.equal(expected)
        },
      ),
    )
  })
})
