import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { drive, type Driven } from '../../../../core/runtime/drive.ts'
import { endpoint, splitEndpoint, type Endpoint } from '../../../../core/runtime/endpoint.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import { answerBinding } from '../../../../core/stun/stun-binding.ts'
import { RelayProbes, type ProbeInput, type ProbeOutput } from '../../../../hosts/portal/relays/relay-probes.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const FOUR = endpoint('192.0.2.10', 3478)
const SIX = endpoint('2001:db8::10', 3478)
const PORTAL = endpoint('198.51.100.1', 40_000)

describe('probes of relays', () => {
  let clock: VirtualClock
  let probes: RelayProbes
  let driven: Driven<ProbeInput>
  /** Endpoints that answer. */
  let up: Set<Endpoint>
  let sent: { to: Endpoint; bytes: Uint8Array; answer: Uint8Array | undefined }[]
  let changes: number

  beforeEach(() => {
    clock = new VirtualClock()
    probes = new RelayProbes({ random: new SeededRandom(1) })
    up = new Set([FOUR, SIX])
    sent = []
    changes = 0
    driven = drive(probes, { clock, perform: (output) => perform(output) })
  })

  const perform = (output: ProbeOutput): void => {
    if (output.type === 'stateChanged') {
      changes++
      return
    }
    const { to, bytes } = output
    const verdict = answerBinding(bytes, PORTAL)
    const answer = verdict.type === 'answered' ? verdict.bytes : undefined
    sent.push({ to, bytes, answer })
    if (up.has(to) && answer !== undefined) receive(to, answer)
  }
  const receive = (from: Endpoint, bytes: Uint8Array): void => {
    const { address, port } = splitEndpoint(from) ?? { address: '', port: 0 }
    driven.dispatch({ type: 'datagramReceived', from: { address, port }, bytes })
  }
  const watch = (...endpoints: Endpoint[]): void => driven.dispatch({ type: 'endpointsChanged', endpoints })
  const states = (): unknown[] => [FOUR, SIX].map((each) => probes.stateOf(each)?.state)

  it('a relay counts with its first answer, and not before', () => {
    up.delete(SIX)
    watch(FOUR, SIX)
    expect(states()).to.deep.equal(['answers', 'asked'])
    up.add(SIX)
    clock.advance(SECOND)
    expect(states()).to.deep.equal(['answers', 'answers'])
    watch()
    expect(states()).to.deep.equal([undefined, undefined])
    expect(clock.nextAlarm()).to.equal(undefined)
  })

  it('a relay that stops answering is silent after three requests, within four seconds', () => {
    watch(FOUR)
    up.clear()
    clock.advance(3 * SECOND)
    expect(states()[0]).to.equal('answers')
    clock.advance(SECOND)
    expect(states()[0]).to.equal('silent')
  })

  it('one that loses every other datagram does not come and go, and a silent one comes back with its third answer', () => {
    watch(FOUR)
    for (let second = 0; second < 60; second++) {
      if (second % 2 === 0) up.clear()
      else up.add(FOUR)
      clock.advance(SECOND)
    }
    expect(changes).to.equal(1)
    up.clear()
    clock.advance(4 * SECOND)
    up.add(FOUR)
    clock.advance(2 * SECOND)
    expect(states()[0]).to.equal('silent')
    clock.advance(SECOND)
    expect(states()[0]).to.equal('answers')
  })

  it('an answer that comes late, because this process was busy, counts', () => {
    up.clear()
    watch(FOUR)
    clock.advance(2 * SECOND)
    const [first] = sent
    if (first?.answer !== undefined) receive(FOUR, first.answer)
    expect(states()[0]).to.equal('answers')
  })

  it('H10 answers of others, from elsewhere, or to no request count nothing', () => {
    up.clear()
    watch(FOUR)
    const { answer, bytes } = sent[0] ?? {}
    if (answer === undefined || bytes === undefined) throw new Error('nothing was sent')
    receive(SIX, answer)
    receive(endpoint('192.0.2.10', 3479), answer)
    receive(FOUR, bytes)
    receive(FOUR, new Uint8Array(7))
    receive(
      FOUR,
      answer.map((byte, at) => (at === 12 ? byte ^ 1 : byte)),
    )
    expect(states()[0]).to.equal('asked')
    receive(FOUR, answer)
    expect(states()[0]).to.equal('answers')
  })

  it('an address of a family that this machine lacks is unreachable, and stays so until it answers', () => {
    up.delete(SIX)
    watch(SIX)
    driven.dispatch({ type: 'sendFailed', to: SIX, code: 'ENETUNREACH' })
    clock.advance(20 * SECOND)
    expect(states()[1]).to.equal('unreachable')
    up.add(SIX)
    clock.advance(SECOND)
    expect(states()[1]).to.equal('answers')
  })

  it('a relay that has been silent for a minute is asked every five seconds', () => {
    up.clear()
    watch(FOUR)
    clock.advance(70 * SECOND)
    sent = []
    clock.advance(60 * SECOND)
    expect(sent.length).to.be.within(11, 13)
  })
})
