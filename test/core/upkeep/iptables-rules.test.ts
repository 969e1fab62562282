import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { ForwardedPacket } from '../../../core/upkeep/forward-verdict.ts'
import { readIptables } from '../../../core/upkeep/iptables-rules.ts'
import { judgePlace, type PlaceVerdict } from '../../../core/upkeep/own-rules.ts'

const PACKETS: ForwardedPacket[] = [
  { iif: 'tun-gateway', oif: 'eth0', state: 'new' },
  { iif: 'eth0', oif: 'tun-gateway', state: 'established' },
]
const OWN = ['-i', '-o'].map(
  (option) => `-A FORWARD ${option} tun-gateway -m comment --comment "portreeve gateway" -j ACCEPT`,
)

/** Judges the chain FORWARD of a listing of the older iptables. */
const judge = (...lines: string[]): PlaceVerdict => {
  const { rules, policies } = readIptables(['-P INPUT ACCEPT', ...lines, ''].join('\n'))
  const own = rules.filter(({ comment }) => comment === 'portreeve gateway')
  return judgePlace({ chain: { name: 'FORWARD', policy: policies.get('FORWARD') ?? '' }, rules, own, packets: PACKETS })
}

/** Listing as of a container runtime and an operator. */
const DOCKER = [
  '-N DOCKER',
  '-N DOCKER-USER',
  '-A FORWARD -j DOCKER-USER',
  '-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  '-A FORWARD -o docker0 -j DOCKER',
  '-A FORWARD -i docker0 ! -o docker0 -j ACCEPT',
  '-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT',
  '-A DOCKER-USER -j RETURN',
]

describe('rules of the older iptables', () => {
  it('need a gateway’s where the policy drops what no rule accepts, at the end of the chain', () => {
    expect(judge('-P FORWARD DROP')).to.deep.equal({ drops: true, before: undefined })
    expect(judge('-P FORWARD DROP', ...DOCKER)).to.deep.equal({ drops: true, before: undefined })
    expect(judge('-P FORWARD ACCEPT', ...DOCKER).drops).to.equal(false)
  })

  it('need a gateway’s before the rule that drops all that comes to it', () => {
    for (const target of ['DROP', 'REJECT --reject-with icmp-port-unreachable'])
      expect(judge('-P FORWARD ACCEPT', ...DOCKER, `-A FORWARD -j ${target}`)).to.deep.equal({ drops: true, before: 5 })
    expect(judge('-P FORWARD ACCEPT', '-N END', '-A FORWARD -g END', '-A END -j DROP').before).to.equal(1)
  })

  it('need nothing where a gateway’s stand before what drops, and need them again where they stand behind it', () => {
    expect(judge('-P FORWARD DROP', ...DOCKER, ...OWN).drops).to.equal(false)
    expect(judge('-P FORWARD ACCEPT', '-A FORWARD -j DROP', ...OWN)).to.deep.equal({ drops: true, before: 1 })
  })

  it('need a gateway’s where they accept only some packets: one direction, one address, one device', () => {
    for (const match of [
      '-m state --state RELATED,ESTABLISHED',
      '-s 100.64.0.0/10',
      '-m conntrack ! --ctstate NEW',
      '-i tun+ -m set --match-set some src',
      '-i tun+ -p tcp -m tcp --syn',
      '-i eth+',
    ])
      expect(judge('-P FORWARD DROP', `-A FORWARD ${match} -j ACCEPT`).drops, match).to.equal(true)
    expect(judge('-P FORWARD DROP', '-A FORWARD -i tun+ -j ACCEPT', '-A FORWARD -o tun+ -j ACCEPT').drops).to.equal(
      false,
    )
  })

  it('need nothing where it cannot be told whether a rule drops packets of clients', () => {
    for (const match of ['-s 192.0.2.1/32', '-m addrtype --dst-type LOCAL --limit-iface-in', '-m mark ! --mark 0x1'])
      expect(judge('-P FORWARD ACCEPT', `-A FORWARD ${match} -j DROP`).drops, match).to.equal(false)
  })

  it('keep their words for a deletion, with comments of several', () => {
    const { rules } = readIptables('-A FORWARD -m comment --comment "say \\"no\\" twice" -j DROP\n')
    expect(rules.map(({ args, comment }) => ({ args, comment }))).to.deep.equal([
      { args: ['-m', 'comment', '--comment', 'say "no" twice', '-j', 'DROP'], comment: 'say "no" twice' },
    ])
  })
})
