import { expect } from 'chai'
import { describe, it } from 'mocha'
import { parseAdvertised } from '../../../core/ice/advertised-address.ts'
import { parseCandidate } from '../../../core/ice/candidate.ts'
import { LocalCandidates } from '../../../core/ice/local-candidates.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'

const PORTS = { ipv4: 52_625, ipv6: 52_625 }
const OUTSIDE = endpoint('203.0.113.7', 52_625)

const locals = (links: readonly string[], advertised: readonly string[] = []): LocalCandidates => {
  const made = new LocalCandidates({ advertised: advertised.flatMap((text) => parseAdvertised(text) ?? []) })
  made.setPorts(PORTS)
  made.setAddresses(links)
  return made
}

const endpoints = (of: LocalCandidates) => of.offers.map(({ endpoint: where }) => where)

describe('local candidates', () => {
  it('H11 what is advertised and what STUN has found are server-reflexive candidates, in the form that released peers know', () => {
    const made = locals(['10.0.0.5', '2001:db8::5'], ['203.0.113.8:40000', '2001:db8::8'])
    made.setReflexive([OUTSIDE])
    expect(made.lines.map((line) => line.replace(/^candidate:[0-9a-f]{8} /, ''))).to.deep.equal([
      '1 udp 2130706431 2001:db8::5 52625 typ host',
      '1 udp 2130706175 10.0.0.5 52625 typ host',
      '1 udp 1694498559 203.0.113.8 40000 typ srflx raddr 0.0.0.0 rport 0',
      '1 udp 1694498815 2001:db8::8 52625 typ srflx raddr :: rport 0',
      '1 udp 1694498303 203.0.113.7 52625 typ srflx raddr 0.0.0.0 rport 0',
    ])
    const foundations = made.lines.map((line) => parseCandidate(line)?.foundation)
    expect(new Set(foundations).size, 'each has a base or a source of its own').to.equal(5)
  })

  it('an endpoint is offered once, by whatever it is known', () => {
    const made = locals(['203.0.113.7'], ['203.0.113.7', '203.0.113.7:52625', '203.0.113.7:1'])
    made.setReflexive([OUTSIDE])
    expect(made.offers).to.deep.equal([
      { endpoint: OUTSIDE, source: 'interface' },
      { endpoint: '203.0.113.7:1', source: 'advertised' },
    ])
  })

  it('bridges come last, only some of them, and all of them after what is outside', () => {
    const made = locals([])
    made.setReflexive([OUTSIDE])
    const bridges = Array.from({ length: 300 }, (_, index) => `172.17.${index >> 8}.${index & 255}`)
    made.setAddresses(['10.0.0.5', '10.1.0.5'], bridges)
    expect(endpoints(made).slice(0, 4)).to.deep.equal(['10.0.0.5:52625', '10.1.0.5:52625', OUTSIDE, '172.17.0.0:52625'])
    expect(endpoints(made).length).to.equal(7)
  })

  it('candidates of a machine with a hundred addresses leave room for others at a peer', () => {
    const made = locals(Array.from({ length: 100 }, (_, index) => `10.0.1.${index}`))
    made.setReflexive([OUTSIDE])
    expect(endpoints(made).length).to.equal(13)
    expect(endpoints(made).at(-1)).to.equal(OUTSIDE)
  })

  it('what STUN has found is not offered without an address in that family, nor is an address that nobody can reach', () => {
    const made = locals(['2001:db8::5'])
    made.setReflexive([OUTSIDE, endpoint('fe80::1', 9)])
    expect(endpoints(made)).to.deep.equal(['[2001:db8::5]:52625'])
  })

  it('H7 a candidate whose priority alone has changed is told again, and not withdrawn', () => {
    const made = locals(['10.0.0.5', '10.1.0.5'])
    const { added, removed } = made.setAddresses(['10.1.0.5', '10.0.0.5'])
    expect(added.length).to.equal(2)
    expect(removed).to.deep.equal([])
    expect(made.setAddresses(['10.1.0.5']).removed.length).to.equal(1)
  })
})

describe('advertised addresses', () => {
  const READ = {
    '203.0.113.7': { address: '203.0.113.7', port: undefined },
    '203.0.113.7:40000': { address: '203.0.113.7', port: 40_000 },
    '2001:DB8::7': { address: '2001:db8::7', port: undefined },
    '[2001:db8::7]:40000': { address: '2001:db8::7', port: 40_000 },
  }
  for (const [text, read] of Object.entries(READ)) {
    it(`${text} is an address to advertise`, () => expect(parseAdvertised(text)).to.deep.equal(read))
  }
  const REFUSED = [
    '',
    'host.example.org',
    '127.0.0.1',
    '203.0.113.7:0',
    '203.0.113.7:70000',
    '[2001:db8::7]',
    'fe80::1',
    '0.0.0.0',
    '1.2.3',
    '169.254.169.254',
    '2001:db8::7:70000:1:2:3:4:5',
  ]
  for (const text of REFUSED) {
    it(`"${text}" is none`, () => expect(parseAdvertised(text)).to.equal(undefined))
  }
})
