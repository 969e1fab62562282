import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { retryAfterMs } from '../../../core/control/backoff.ts'
import { PortalLink, type LinkInput, type LinkOutput } from '../../../core/control/portal-link.ts'
import type { PortalProblem } from '../../../core/control/portal-problem.ts'
import { drive, type Driven } from '../../../core/runtime/drive.ts'
import { HOUR, SECOND, unixTime } from '../../../core/runtime/time.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'
import { example } from './examples.ts'

interface Options {
  features?: string[]
  patienceMs?: number
}

/** A link in virtual time, and its outputs since the last call. */
class Bench {
  readonly clock = new VirtualClock()
  readonly link: PortalLink<'client'>
  readonly #driven: Driven<LinkInput<'client'>>
  #outputs: LinkOutput<'client'>[] = []

  constructor({ features = [], patienceMs = Infinity }: Options = {}) {
    this.link = new PortalLink({ role: 'client', random: new SeededRandom(1), features, patienceMs })
    this.#driven = drive(this.link, { clock: this.clock, perform: (output) => this.#outputs.push(output) })
  }

  /** Feeds inputs and returns the outputs that follow. */
  put(...inputs: LinkInput<'client'>[]): LinkOutput<'client'>[] {
    for (const input of inputs) this.#driven.dispatch(input)
    return this.#outputs.splice(0)
  }

  pass(milliseconds: number): LinkOutput<'client'>[] {
    this.clock.advance(milliseconds)
    return this.#outputs.splice(0)
  }

  receive(frame: object): LinkOutput<'client'>[] {
    return this.put({ type: 'frameReceived', text: JSON.stringify(frame) })
  }

  /** Feeds the inputs that lead to a joined link. */
  join(): LinkOutput<'client'>[] {
    this.put({ type: 'started' }, { type: 'connectionOpened' })
    return this.receive(example('frame.reply-ok'))
  }

  /** Lets time pass until the next connect; returns the milliseconds, or undefined after `limit`. */
  nextAttempt(limit: number): number | undefined {
    const start = this.clock.now()
    while (this.clock.now() - start < limit) {
      if (this.pass(10).some(({ type }) => type === 'openConnection')) return this.clock.now() - start
    }
    return undefined
  }
}

const PROBLEM: PortalProblem = { url: 'ws://x', step: 'connect', code: 'connection_refused', said: '-', remedy: '-' }

const types = (outputs: { type: string }[]) => outputs.map(({ type }) => type)

const frames = (outputs: LinkOutput<'client'>[]) =>
  outputs.flatMap((output) => (output.type === 'sendText' ? [JSON.parse(output.text) as unknown] : []))

describe('PortalLink', () => {
  it('the portal link connects, joins with payload null, says what it can do, and is up', () => {
    const bench = new Bench({ features: ['denial_details'] })
    expect(types(bench.put({ type: 'started' }))).to.deep.equal(['openConnection'])
    expect(frames(bench.put({ type: 'connectionOpened' }))).to.deep.equal([example('frame.join.client')])
    const joined = bench.receive(example('frame.reply-ok'))
    expect(frames(joined)).to.deep.equal([
      { ...example('client.set_snownet_capabilities'), payload: { iceless: false } },
      { topic: 'client', event: 'set_capabilities', payload: { features: ['denial_details'] }, ref: 2 },
    ])
    expect(joined.at(-1)).to.deep.equal({ type: 'linkUp' })
  })

  it('the portal link delivers known events under their internal names, and counts the others', () => {
    const bench = new Bench()
    bench.join()
    const { payload } = example('client.resource_deleted')
    expect(bench.receive(example('client.resource_deleted'))).to.deep.equal([
      { type: 'deliver', event: 'resourceDeleted', payload },
    ])
    bench.receive({ topic: 'client', event: 'future_event', payload: {}, ref: null })
    bench.receive({ topic: 'client', event: 'init', payload: {}, ref: null })
    bench.put({ type: 'frameReceived', text: '[' })
    expect(bench.link.counters()).to.deep.equal({ 'unknown-event': 1, 'invalid-payload': 1, 'not-json': 1 })
  })

  it('the portal link sends messages under their wire names with a ref that counts', () => {
    const bench = new Bench()
    bench.join()
    const payload = example('client.request_authorization').payload as never
    const sent = frames(bench.put({ type: 'send', event: 'requestAuthorization', payload }))
    expect(sent).to.deep.equal([{ ...example('client.request_authorization'), ref: 2 }])
  })

  it('the portal link holds messages while it is down only where asked to, and sends them once it is up', () => {
    const bench = new Bench()
    bench.put({ type: 'started' })
    bench.put({ type: 'send', event: 'noRelays', payload: {} })
    const candidates = { gateway_id: '8f8dc16b-05bd-4dc3-ac6b-3a88245846bb', candidates: [] }
    bench.put({ type: 'send', event: 'newGatewayIceCandidates', payload: candidates, hold: true })
    bench.put({ type: 'connectionOpened' })
    expect(frames(bench.receive(example('frame.reply-ok'))).at(-1)).to.deep.include({
      event: 'new_gateway_ice_candidates',
    })
    expect(bench.link.counters()).to.deep.equal({ 'not-connected': 1 })
  })

  it('the portal link repeats on its next connection what a dead one may have taken, and nothing that has arrived', () => {
    const bench = new Bench()
    const told = (candidate: string) => ({
      type: 'send' as const,
      event: 'newGatewayIceCandidates' as const,
      payload: { gateway_id: '8f8dc16b-05bd-4dc3-ac6b-3a88245846bb', candidates: [candidate] },
      hold: true,
    })
    const repeated = (join: LinkOutput<'client'>[]): string[] =>
      (frames(join) as { event: string; payload: { candidates: string[] } }[]).flatMap(({ event, payload }) =>
        event === 'new_gateway_ice_candidates' ? payload.candidates : [],
      )
    bench.join()
    bench.put(told('arrived'))
    const [beat] = frames(bench.pass(10 * SECOND)) as { ref: number }[]
    bench.receive({ ...example('frame.heartbeat-reply'), ref: beat?.ref })
    bench.put(told('first'))
    bench.put(told('second'))
    bench.put({ type: 'networkChanged' })
    expect(types(bench.pass(2 * SECOND))).to.include.members(['closeConnection', 'linkDown'])
    bench.pass(SECOND)
    bench.put({ type: 'connectionOpened' })
    expect(repeated(bench.receive(example('frame.reply-ok')))).to.deep.equal(['first', 'second'])
  })

  it('the portal link sends a heartbeat every 10 s and reconnects after four without an answer', () => {
    const bench = new Bench()
    bench.join()
    const seen: string[] = []
    for (let second = 0; second < 60 && !seen.includes('linkDown'); second++) seen.push(...types(bench.pass(SECOND)))
    expect(seen).to.deep.equal(['sendText', 'sendText', 'sendText', 'sendText', 'closeConnection', 'linkDown'])
  })

  it('the portal link stays up for hours while heartbeats are answered', () => {
    const bench = new Bench()
    bench.join()
    for (let beat = 0; beat < 1_000; beat++) {
      const [text] = frames(bench.pass(10 * SECOND)) as { ref: number }[]
      expect(text).to.include({ topic: 'phoenix', event: 'heartbeat' })
      expect(types(bench.receive({ ...example('frame.heartbeat-reply'), ref: text?.ref }))).to.deep.equal([])
    }
  })

  it('M8 the portal link says why at the first failure, tries each second at first, then more seldom, and never gives up', () => {
    const bench = new Bench()
    const outputs = bench.put({ type: 'started' }, { type: 'connectionClosed', problem: PROBLEM })
    expect(outputs).to.deep.equal([{ type: 'openConnection' }, { type: 'attemptFailed', problem: PROBLEM }])
    for (let second = 0; second < 15; second++) {
      expect(bench.nextAttempt(2 * SECOND)).to.equal(SECOND)
      expect(types(bench.put({ type: 'connectionClosed' }))).to.deep.equal(['attemptFailed'])
    }
    let waited = 0
    while (waited < 24 * HOUR) {
      const more = bench.nextAttempt(61 * SECOND)
      expect(more).to.be.within(1, 60 * SECOND)
      waited += more ?? 0
      expect(types(bench.put({ type: 'connectionClosed' }))).to.deep.equal(['attemptFailed'])
    }
    bench.nextAttempt(61 * SECOND)
    bench.put({ type: 'connectionOpened' })
    expect(types(bench.receive(example('frame.reply-ok')))).to.include('linkUp')
  })

  it('the portal link reports a portal that is silent at any step, after a time', () => {
    const bench = new Bench()
    bench.put({ type: 'started' })
    const opening = bench.pass(15 * SECOND)
    expect(types(opening)).to.deep.equal(['closeConnection', 'attemptFailed'])
    bench.nextAttempt(2 * SECOND)
    bench.put({ type: 'connectionOpened' })
    const [, joining] = bench.pass(5 * SECOND)
    expect(joining).to.have.nested.property('problem.step', 'join')
  })

  it('the portal link waits 0.5 s times 1.5 up to a minute, jittered, after a loss, for as long as it is told to', () => {
    const bench = new Bench({ patienceMs: 24 * HOUR })
    bench.join()
    expect(types(bench.put({ type: 'connectionClosed' }))).to.deep.equal(['linkDown'])
    let full = 500
    for (let attempt = 0; attempt < 30; attempt++) {
      const waited = bench.nextAttempt(70 * SECOND)
      expect(waited, `attempt ${attempt}`).to.be.within(full / 2 - 1, full + 11)
      full = Math.min(60_000, full * 1.5)
      bench.put({ type: 'connectionRefused', status: 502 })
    }
    let gaveUp = false
    for (let minute = 0; minute < 25 * 60 && !gaveUp; minute++) {
      const outputs = types(bench.pass(60 * SECOND))
      if (outputs.includes('openConnection')) outputs.push(...types(bench.put({ type: 'connectionClosed' })))
      gaveUp = outputs.includes('gaveUp')
    }
    expect(gaveUp).to.equal(true)
  })

  it('the portal link waits as long as Retry-After says, before and after the first success', () => {
    const bench = new Bench()
    bench.put({ type: 'started' }, { type: 'connectionRefused', status: 503, code: 'rate_limit', retryAfterMs: 40_000 })
    expect(bench.nextAttempt(60 * SECOND)).to.equal(40_000)
    bench.put({ type: 'connectionOpened' })
    bench.receive(example('frame.reply-ok'))
    bench.put({ type: 'connectionClosed' })
    bench.nextAttempt(SECOND)
    bench.put({ type: 'connectionRefused', status: 503, retryAfterMs: 120_000 })
    expect(bench.nextAttempt(200 * SECOND)).to.equal(120_000)
  })

  it('the portal link reads Retry-After as seconds and as a date', () => {
    const now = unixTime(Date.UTC(2026, 0, 5, 9, 0, 0))
    expect(retryAfterMs('7', now)).to.equal(7_000)
    expect(retryAfterMs('Mon, 05 Jan 2026 09:00:30 GMT', now)).to.equal(30_000)
    expect(retryAfterMs('Mon, 05 Jan 2026 08:00:30 GMT', now)).to.equal(0)
    expect(retryAfterMs('99999999999', now)).to.equal(undefined)
    expect(retryAfterMs('9999999999', now)).to.equal(24 * HOUR)
    for (const header of [undefined, '', 'soon', '-1', '1.5', 'Mon, nothing'])
      expect(retryAfterMs(header, now), header).to.equal(undefined)
  })

  it('the portal link is signed out for good by any 401 of the portal', () => {
    const bench = new Bench()
    expect(
      bench.put({ type: 'started' }, { type: 'connectionRefused', status: 401, code: 'invalid_token' }),
    ).to.deep.equal([{ type: 'openConnection' }, { type: 'signedOut', reason: 'invalid_token' }])
    expect(bench.pass(HOUR)).to.deep.equal([])
  })

  it('the portal link keeps its token where a 401 is not the portal’s', () => {
    const bench = new Bench()
    expect(types(bench.put({ type: 'started' }, { type: 'connectionRefused', status: 401 }))).to.deep.equal([
      'openConnection',
      'attemptFailed',
    ])
    expect(bench.nextAttempt(2 * SECOND)).to.equal(SECOND)
  })

  it('the portal link is signed out by disconnect token_expired and by no other reason', () => {
    const bench = new Bench()
    bench.join()
    expect(bench.receive({ ...example('frame.disconnect'), payload: { reason: 'because' } })).to.deep.equal([])
    expect(types(bench.receive(example('frame.disconnect')))).to.deep.equal([
      'closeConnection',
      'linkDown',
      'signedOut',
    ])
  })

  it('the portal link is told why it is signed out, in one line, if the portal says so', () => {
    const bench = new Bench()
    bench.join()
    const payload = { reason: 'token_expired', cause: 'token_revoked', detail: 'The token\nwas revoked' }
    expect(bench.receive({ ...example('frame.disconnect'), payload }).at(-1)).to.deep.equal({
      type: 'signedOut',
      reason: 'token_revoked',
      detail: 'The token was revoked',
    })
  })

  describe('H13 a peer while another process with its identity is connected', () => {
    const refusal = {
      type: 'connectionRefused',
      status: 409,
      code: 'device_identity_conflict',
      reason: 'already_connected',
      detail: 'Another one is there',
      retryAfterMs: 60 * SECOND,
    } as const

    it('H13 a peer that starts stops at once and for good while another process has its identity', () => {
      const bench = new Bench()
      expect(bench.put({ type: 'started' }, refusal)).to.deep.equal([
        { type: 'openConnection' },
        { type: 'identityInUse', reason: 'Another one is there' },
      ])
      expect(bench.pass(HOUR)).to.deep.equal([])
    })

    it('H13 a peer that was connected before stops after 40 s, as the portal may take its own old connection for another one', () => {
      const bench = new Bench()
      bench.join()
      bench.put({ type: 'connectionClosed' })
      const begun = bench.clock.now()
      for (let attempt = 0; attempt < 20; attempt++) {
        if (bench.nextAttempt(6 * SECOND) === undefined) throw new Error('does not try')
        const outputs = bench.put(refusal)
        if (!types(outputs).includes('identityInUse')) continue
        expect(bench.clock.now() - begun).to.be.within(40 * SECOND, 50 * SECOND)
        expect(bench.pass(HOUR)).to.deep.equal([])
        return
      }
      throw new Error('does not stop')
    })

    it('H13 a peer goes on if it is let in again in time, and has as long the next time', () => {
      const bench = new Bench()
      bench.join()
      for (let round = 0; round < 3; round++) {
        bench.put({ type: 'connectionClosed' })
        for (let attempt = 0; attempt < 6; attempt++) {
          bench.nextAttempt(6 * SECOND)
          expect(types(bench.put(refusal))).to.not.include('identityInUse')
        }
        bench.nextAttempt(6 * SECOND)
        bench.put({ type: 'connectionOpened' })
        expect(types(bench.receive(example('frame.reply-ok')))).to.include('linkUp')
      }
    })
  })

  it('the portal link gives up where the join is refused, and joins again where the portal forgot it', () => {
    const refused = new Bench()
    refused.put({ type: 'started' }, { type: 'connectionOpened' })
    expect(types(refused.receive(example('frame.reply-join-refused')))).to.deep.equal(['closeConnection', 'gaveUp'])

    const forgotten = new Bench()
    forgotten.join()
    const outputs = forgotten.receive(example('frame.reply-unmatched-topic'))
    expect(types(outputs)).to.deep.equal(['linkDown', 'sendText'])
    expect(frames(outputs)).to.deep.equal([{ ...example('frame.join.client'), ref: 2 }])
    expect(types(forgotten.receive({ ...example('frame.reply-ok'), ref: 2 }))).to.include('linkUp')
  })

  it('the portal link ignores phx_error and any other error reply, and reconnects on phx_close', () => {
    const bench = new Bench()
    bench.join()
    expect(bench.receive(example('frame.error'))).to.deep.equal([])
    expect(bench.receive(example('frame.reply-unknown-message'))).to.deep.equal([])
    expect(types(bench.receive(example('frame.close')))).to.deep.equal(['closeConnection', 'linkDown'])
    expect(bench.nextAttempt(2 * SECOND)).to.be.a('number')
  })

  it('the portal link never throws, and has a deadline or has ended, whatever happens in whatever order', () => {
    const input: fc.Arbitrary<LinkInput<'client'>> = fc.oneof(
      fc.constantFrom<LinkInput<'client'>>(
        { type: 'started' },
        { type: 'stopped' },
        { type: 'connectionOpened' },
        { type: 'connectionClosed' },
        { type: 'connectionRefused', status: 500 },
        { type: 'frameReceived', text: JSON.stringify(example('frame.reply-ok')) },
        { type: 'frameReceived', text: JSON.stringify(example('frame.reply-unmatched-topic')) },
        { type: 'send', event: 'noRelays', payload: {}, hold: true },
      ),
      fc.oneof(fc.json(), fc.string()).map((text) => ({ type: 'frameReceived' as const, text })),
      fc
        .tuple(fc.constantFrom('phx_reply', 'disconnect', 'phx_close', 'init', 'ice_candidates'), fc.jsonValue())
        .map(([event, payload]) => ({
          type: 'frameReceived' as const,
          text: JSON.stringify({ topic: 'client', event, payload, ref: 0 }),
        })),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(input, fc.nat(20_000))), (steps) => {
        const bench = new Bench()
        bench.put({ type: 'started' })
        let over = false
        for (const [each, wait] of steps) {
          const outputs = [...bench.put(each), ...bench.pass(wait)]
          if (each.type === 'started') over = false
          if (each.type === 'stopped' || types(outputs).some((type) => type === 'signedOut' || type === 'gaveUp'))
            over = true
        }
        if (!over) expect(bench.link.deadline()).to.not.equal(undefined)
      }),
    )
  })

  it('H7 a link finds out within two seconds that its connection did not outlive a change of network, and connects at once', () => {
    const bench = new Bench()
    bench.join()
    const [beat] = bench.put({ type: 'networkChanged' })
    const { ref } = JSON.parse(beat?.type === 'sendText' ? beat.text : '') as { ref: number }
    // Another change does not ask again.
    expect(bench.put({ type: 'networkChanged' })).to.deep.equal([])
    bench.receive({ topic: 'phoenix', event: 'phx_reply', ref, payload: { status: 'ok', response: {} } })
    expect(bench.pass(5 * SECOND)).to.deep.equal([])
    bench.put({ type: 'networkChanged' })
    const outputs = bench.pass(2 * SECOND)
    expect(outputs.map(({ type }) => type)).to.deep.equal(['closeConnection', 'linkDown', 'openConnection'])
  })

  it('H2 a link that is asked whether the portal answers says so when it does, and asks the portal once at a time', () => {
    const bench = new Bench()
    expect(bench.put({ type: 'answerWanted' }), 'without a connection').to.deep.equal([])
    bench.join()
    const [beat, ...more] = bench.put({ type: 'answerWanted' })
    expect([more, bench.put({ type: 'answerWanted' })]).to.deep.equal([[], []])
    const { ref } = JSON.parse(beat?.type === 'sendText' ? beat.text : '') as { ref: number }
    const answer = { topic: 'phoenix', event: 'phx_reply', ref, payload: { status: 'ok', response: {} } }
    expect(bench.receive(answer)).to.deep.equal([{ type: 'answered' }])
    expect(bench.receive(answer)).to.deep.equal([])
    expect(bench.put({ type: 'answerWanted' }).map(({ type }) => type)).to.deep.equal(['sendText'])
  })

  it('H7 a link that waits, or connects from an address of before, connects anew when the network changes, but not before the portal permits', () => {
    const bench = new Bench()
    bench.put({ type: 'started' })
    expect(bench.put({ type: 'networkChanged' }).map(({ type }) => type)).to.deep.equal([
      'closeConnection',
      'openConnection',
    ])
    bench.put({ type: 'connectionClosed' })
    expect(bench.put({ type: 'networkChanged' }).map(({ type }) => type)).to.deep.equal(['openConnection'])
    bench.put({ type: 'connectionRefused', status: 429, code: 'rate_limit', retryAfterMs: 60 * SECOND })
    expect(bench.put({ type: 'networkChanged' })).to.deep.equal([])
  })

  it('H7 a link whose network is back after a long time waits shortly again where the first attempt comes before the routes', () => {
    const bench = new Bench()
    bench.join()
    const fails = () => bench.put({ type: 'connectionClosed' })
    fails()
    for (let second = 0; second < 60; second++) if (types(bench.pass(SECOND)).includes('openConnection')) fails()
    expect(types(bench.pass(SECOND)), 'the waits have become long').to.deep.equal([])
    expect(types(bench.put({ type: 'networkChanged' }))).to.deep.equal(['openConnection'])
    fails()
    expect(types(bench.pass(SECOND))).to.deep.equal(['openConnection'])
  })
})
