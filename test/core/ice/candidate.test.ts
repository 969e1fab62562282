import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { candidatePriority, formatCandidate, hostCandidates, parseCandidate } from '../../../core/ice/candidate.ts'

const vectors = JSON.parse(readFileSync('test/vector/protocol/vectors.json', 'utf8')) as {
  candidates: { cases: { sdp: string }[] }
}

describe('candidates', () => {
  for (const { sdp } of vectors.candidates.cases) {
    it(`a candidate is read and written as ${sdp}`, () => {
      const candidate = parseCandidate(sdp)
      if (candidate === undefined) throw new Error('does not parse')
      expect(formatCandidate(candidate)).to.equal(sdp)
      expect(candidate.priority).to.equal(candidatePriority(candidate.type, candidate.family))
    })
  }

  it('candidates come from the interfaces, IPv6 first, in descending priority', () => {
    const candidates = hostCandidates(['192.0.2.1', '198.51.100.2', '2001:db8::1', '127.0.0.1', 'fe80::1', '::1'], {
      ipv4: 52625,
      ipv6: 52626,
    })
    expect(candidates.map(({ endpoint, priority }) => ({ endpoint, priority }))).to.deep.equal([
      { endpoint: '[2001:db8::1]:52626', priority: 2130706431 },
      { endpoint: '192.0.2.1:52625', priority: 2130706175 },
      { endpoint: '198.51.100.2:52625', priority: 2130705919 },
    ])
  })

  it('candidates leave out a family without a socket', () => {
    expect(hostCandidates(['192.0.2.1', '2001:db8::1'], { ipv4: 1 }).map(({ family }) => family)).to.deep.equal([
      'ipv4',
    ])
  })

  it('candidates of another component, transport, kind or address than ICE uses are skipped', () => {
    const lines = [
      'candidate:a 2 udp 1 192.0.2.1 1 typ host',
      'candidate:a 1 tcp 1 192.0.2.1 1 typ host',
      'candidate:a 1 udp 0 192.0.2.1 1 typ host',
      'candidate:a 1 udp 1 192.0.2.1 0 typ host',
      'candidate:a 1 udp 1 127.0.0.1 1 typ host',
      'candidate:a 1 udp 1 224.0.0.1 1 typ host',
      'candidate:a 1 udp 1 host.example.org 1 typ host',
      'candidate:a 1 udp 1 1 1 typ host',
      'candidate:a 1 udp 1 192.0.2.1 1 typ other',
      '',
    ]
    for (const line of lines) expect(parseCandidate(line), line).to.equal(undefined)
  })

  it('candidates skip further name-value pairs', () => {
    const candidate = parseCandidate(
      'candidate:a 1 UDP 5 2001:DB8::0:1 7 typ srflx raddr 192.0.2.1 rport 9 generation 0',
    )
    expect(candidate?.endpoint).to.equal('[2001:db8::1]:7')
  })

  it('reading a candidate never fails on any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `candidate:a 1 udp 1 ${text} 5 typ host`),
        ),
        (text) => {
          const candidate = parseCandidate(text)
          if (candidate !== undefined) expect(parseCandidate(formatCandidate(candidate))).to.deep.equal(candidate)
        },
      ),
    )
  })
})
