import { expect } from 'chai'
import { describe, it } from 'mocha'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { unreachableText } from '../../../../hosts/client/session/unreachable-text.ts'

const INSIDE = endpoint('10.0.0.5', 52_625)
const OUTSIDE = endpoint('203.0.113.7', 52_625)
const SERVER = endpoint('203.0.113.10', 3478)

describe('why packets do not reach a resource, in sentences', () => {
  const text = (tried: (typeof INSIDE)[], isAnswering?: boolean) =>
    unreachableText('no-path', 'berlin-1', { tried, stun: [{ server: SERVER, mapped: undefined, isAnswering }] }).join(
      ' ',
    )

  it('H11 M4 a gateway that offers only private addresses is told from one behind a firewall, with what it lacks', () => {
    expect(text([INSIDE])).to.match(
      /its gateway berlin-1.*offers only 10\.0\.0\.5:52625, of a private network.*advertised_addresses/,
    )
    expect(text([INSIDE, OUTSIDE]))
      .to.match(/Tried: 10\.0\.0\.5:52625, 203\.0\.113\.7:52625\. Look whether firewalls/)
      .and.not.contain('advertised_addresses')
  })

  it('M4 a STUN server that does not answer is named, and one that does is not', () => {
    expect(text([OUTSIDE], false)).to.match(/STUN server, 203\.0\.113\.10:3478, does not answer/)
    for (const isAnswering of [true, undefined]) expect(text([OUTSIDE], isAnswering)).not.to.contain('STUN')
  })

  it('a long list of endpoints is cut short', () => {
    const tried = Array.from({ length: 20 }, (_, index) => endpoint('203.0.113.7', 1 + index))
    expect(text(tried)).to.contain('203.0.113.7:8 and 12 more.')
  })
})
