import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { ReflexiveAddresses } from '../../../core/ice/reflexive-addresses.ts'
import { answerBinding, encodeBinding } from '../../../core/stun/stun-binding.ts'
import type { Datagram } from '../../../core/runtime/datagram-socket.ts'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import { after, instant, MINUTE, SECOND, type Instant } from '../../../core/runtime/time.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

const SERVER = endpoint('203.0.113.10', 3478)
const SERVER6 = endpoint('2001:db8::10', 3478)
const HERE = endpoint('198.51.100.77', 40_000)
const ELSEWHERE = endpoint('198.51.100.88', 50_000)

describe('server-reflexive addresses', () => {
  let now: Instant
  let asker: ReflexiveAddresses

  /** Requests that were sent since the last call. */
  const requests = (): Datagram[] => {
    const found: Datagram[] = []
    for (let output = asker.poll(); output !== undefined; output = asker.poll())
      if (output.type === 'sendDatagram') found.push(output)
    return found
  }

  /** Lets time pass, and wakes the machine at its deadlines; returns the requests that it has sent. */
  const pass = (milliseconds: number): Datagram[] => {
    const end = after(now, milliseconds)
    const sent: Datagram[] = []
    for (let due = asker.deadline(); due !== undefined && due.at <= end; due = asker.deadline()) {
      now = due.at
      asker.wake(now)
      sent.push(...requests())
    }
    now = end
    return sent
  }

  const answer = (request: Datagram, mapped: Endpoint, from: Endpoint = request.to): boolean => {
    const verdict = answerBinding(request.bytes, mapped)
    if (verdict.type === 'refused') throw new Error(verdict.reason)
    const { bytes: datagram } = verdict
    if (!asker.isAnswer(from, datagram)) return false
    asker.handle({ type: 'answerReceived', from, datagram }, now)
    return true
  }

  const one = (sent: readonly Datagram[]): Datagram => {
    expect(sent.length).to.equal(1)
    return sent[0] ?? { to: SERVER, bytes: new Uint8Array(0) }
  }

  beforeEach(() => {
    now = instant(1_000)
    asker = new ReflexiveAddresses({ random: new SeededRandom('reflexive') })
    asker.handle({ type: 'networkChanged', families: ['ipv4'], hasMoved: true }, now)
    asker.handle({ type: 'serversChanged', servers: [SERVER, SERVER6] }, now)
  })

  it('H11 the server of each family that this machine has is asked at once, and tells the endpoint', () => {
    const request = one(requests())
    expect(request.to).to.equal(SERVER)
    expect(answer(request, HERE)).to.equal(true)
    expect(asker.mapped).to.deep.equal([HERE])
    asker.handle({ type: 'networkChanged', families: ['ipv4', 'ipv6'], hasMoved: false }, now)
    expect(requests().map(({ to }) => to)).to.deep.equal([SERVER, SERVER6])
  })

  it('H9 the server is asked at once when UDP is doubted, and again within a quarter of a second', () => {
    answer(one(requests()), HERE)
    asker.handle({ type: 'doubted' }, now)
    expect(requests().map(({ to }) => to)).to.deep.equal([SERVER])
    expect(pass(250)).to.have.length(1)
    expect(asker.mapped).to.deep.equal([HERE])
  })

  it('P9 an answer counts only from the server that was asked, with the transaction of the request, and once', () => {
    const request = one(requests())
    expect(answer(request, ELSEWHERE, endpoint('203.0.113.66', 3478))).to.equal(false)
    expect(answer({ to: SERVER, bytes: encodeBinding(new Uint8Array(12)) }, ELSEWHERE)).to.equal(false)
    expect(answer(request, HERE)).to.equal(true)
    expect(answer(request, ELSEWHERE)).to.equal(false)
    expect(asker.mapped).to.deep.equal([HERE])
  })

  it('P9 a server’s message that is no success is no address', () => {
    const request = one(requests())
    const refusal = new Uint8Array(request.bytes)
    refusal[0] = 1
    refusal[1] = 0x11
    // Cut before the FINGERPRINT, which is the request's.
    const datagram = refusal.slice(0, -8)
    new DataView(datagram.buffer).setUint16(2, datagram.length - 20)
    expect(asker.isAnswer(SERVER, datagram)).to.equal(true)
    asker.handle({ type: 'answerReceived', from: SERVER, datagram }, now)
    expect(asker.mapped).to.deep.equal([])
    expect(asker.counters()).to.deep.equal({ 'no-mapped-address': 1 })
  })

  it('H6 it is asked again before a NAT forgets its binding, after 20 to 25 s', () => {
    answer(one(requests()), HERE)
    expect(pass(20 * SECOND - 1)).to.deep.equal([])
    const [again] = pass(5 * SECOND)
    if (again !== undefined) answer(again, ELSEWHERE)
    expect(asker.mapped).to.deep.equal([ELSEWHERE])
  })

  it('a request without an answer is repeated some times, as the same transaction, and begun anew half a minute later', () => {
    const first = one(requests())
    const repeated = pass(20 * SECOND)
    expect(repeated.length).to.equal(5)
    for (const { bytes } of repeated) expect(bytes).to.deep.equal(first.bytes)
    expect(asker.status).to.deep.equal([{ server: SERVER, mapped: undefined, isAnswering: false }])
    const [anew] = pass(30 * SECOND)
    expect(anew?.bytes).not.to.deep.equal(first.bytes)
  })

  it('H3 an address stays known while the server is silent, and when the portal has none', () => {
    answer(one(requests()), HERE)
    pass(5 * MINUTE)
    expect(asker.mapped).to.deep.equal([HERE])
    asker.handle({ type: 'serversChanged', servers: [] }, now)
    expect(pass(5 * MINUTE)).to.deep.equal([])
    expect(asker.mapped).to.deep.equal([HERE])
  })

  it('H7 in another network the server is asked at once, and the old address is forgotten if it does not answer', () => {
    answer(one(requests()), HERE)
    asker.handle({ type: 'networkChanged', families: ['ipv4'], hasMoved: true }, now)
    one(requests())
    expect(asker.mapped, 'until it is known').to.deep.equal([HERE])
    pass(20 * SECOND)
    expect(asker.mapped).to.deep.equal([])
  })

  it('H3 a further address changes nothing of what is known, though the server is silent', () => {
    answer(one(requests()), HERE)
    asker.handle({ type: 'networkChanged', families: ['ipv4'], hasMoved: false }, now)
    pass(5 * MINUTE)
    expect(asker.mapped).to.deep.equal([HERE])
  })

  it('H7 an answer to a request of the old network is not taken in the new one', () => {
    const old = one(requests())
    asker.handle({ type: 'networkChanged', families: ['ipv4'], hasMoved: true }, now)
    expect(answer(old, HERE)).to.equal(false)
    expect(answer(one(requests()), ELSEWHERE)).to.equal(true)
    expect(asker.mapped).to.deep.equal([ELSEWHERE])
  })

  it('a family that this machine has lost has no address', () => {
    answer(one(requests()), HERE)
    asker.handle({ type: 'networkChanged', families: ['ipv6'], hasMoved: true }, now)
    expect(asker.mapped).to.deep.equal([])
  })
})
