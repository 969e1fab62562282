import { expect } from 'chai'
import { describe, it } from 'mocha'
import { IceAgent } from '../../../core/ice/ice-agent.ts'
import type { IceAgentOptions } from '../../../core/ice/ice-agent-messages.ts'
import { hostCandidates, parseCandidate } from '../../../core/ice/candidate.ts'
import { instant } from '../../../core/runtime/time.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

const CREDENTIALS = {
  local: { username: '4zlx', password: 'hcqpxsvioeww7s4udf2ynq' },
  remote: { username: 'zegv', password: 'czskz6fyfoa6bfv7sqx5ld' },
}
const line = (address: string): string => `candidate:1 1 udp 2130706431 ${address} 3478 typ host`
const victim = (n: number): string => line(`192.0.2.${(n % 250) + 1}`)

/** A gateway's ICE agent, to which a hostile client names addresses; time passes with each step. */
class Checker {
  now = 1_000
  readonly agent: IceAgent
  readonly sent: string[] = []

  constructor(role: IceAgentOptions['role'] = 'controlled') {
    this.agent = new IceAgent({ role, random: new SeededRandom('checks'), ...CREDENTIALS }, instant(this.now))
    this.agent.handle(
      {
        type: 'localCandidatesChanged',
        candidates: hostCandidates(['203.0.113.1', '2001:db8::1'], { ipv4: 1, ipv6: 2 }),
      },
      instant(this.now),
    )
  }

  name(...candidates: string[]): void {
    this.agent.handle({ type: 'remoteCandidatesAdded', candidates }, instant(this.now))
    this.#drain()
  }

  takeBack(...candidates: string[]): void {
    this.agent.handle({ type: 'remoteCandidatesRemoved', candidates }, instant(this.now))
    this.#drain()
  }

  wait(milliseconds: number): void {
    const end = this.now + milliseconds
    for (let due = this.agent.deadline(); due !== undefined && due.at <= end; due = this.agent.deadline()) {
      this.now = Math.max(this.now, due.at)
      this.agent.wake(instant(this.now))
      this.#drain()
    }
    this.now = end
  }

  #drain(): void {
    for (let output = this.agent.poll(); output !== undefined; output = this.agent.poll()) {
      if (output.type === 'sendDatagram') this.sent.push(output.to)
    }
  }
}

describe('where a client has a gateway send checks', () => {
  it('an address that a client named is left after half a minute without an answer, until it is named again', () => {
    const checker = new Checker()
    checker.name(victim(1), victim(2))
    checker.wait(30_000)
    const sent = checker.sent.length
    expect(sent).to.be.within(10, 60)
    checker.wait(24 * 3_600_000)
    expect(checker.sent.length).to.equal(sent)
    expect(checker.agent.deadline()).to.equal(undefined)
    checker.name(victim(1))
    expect(checker.sent.length).to.be.greaterThan(sent)
    expect(checker.sent.at(-1)).to.equal('192.0.2.2:3478')
  })

  it('a gateway checks at most 64 newly named addresses a minute, and 32 at once, however they are withdrawn and named anew', () => {
    const checker = new Checker()
    for (let n = 0; n < 200; n++) {
      checker.name(victim(n))
      checker.wait(100)
      checker.takeBack(victim(n))
    }
    expect(new Set(checker.sent).size).to.be.at.most(64)
    expect(checker.agent.counters()['too-many-candidates']).to.equal(136)
    const many = new Checker()
    many.name(...Array.from({ length: 60 }, (_, n) => victim(n)))
    many.wait(60_000)
    expect(new Set(many.sent).size).to.equal(32)
  })

  it('a client itself goes on looking for its gateway until it gives up', () => {
    const checker = new Checker('controlling')
    checker.name(victim(1))
    checker.wait(11_000)
    expect(checker.sent.length).to.be.greaterThan(8)
  })

  for (const address of [
    '127.0.0.1',
    '::1',
    '0.0.0.0',
    '::',
    '169.254.169.254',
    'fe80::1',
    '224.0.0.1',
    'ff02::1',
    '255.255.255.255',
    'fd00:ec2::254',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::7f00:1',
    '::ffff:127.0.0.1',
    '2002:7f00:1::',
  ]) {
    it(`a gateway never checks ${address}, which is no end of anybody's tunnel`, () => {
      expect(parseCandidate(line(address))).to.equal(undefined)
    })
  }

  for (const address of ['10.0.0.5', '192.168.7.4', '100.64.3.9', 'fd12::5', '2001:db8::7', '192.0.2.9']) {
    it(`a gateway may check ${address}, where machines are`, () => {
      expect(parseCandidate(line(address))?.address).to.equal(address)
    })
  }
})
