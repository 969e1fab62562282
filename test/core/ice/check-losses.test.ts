import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { CheckLosses } from '../../../core/ice/check-losses.ts'
import { newPair, type CandidatePair } from '../../../core/ice/candidate-pair.ts'
import { hostCandidates } from '../../../core/ice/candidate.ts'
import { after, type Instant } from '../../../core/runtime/time.ts'

const BEGAN = 1_000 as Instant
const REPEAT_MS = 150

describe('the loss on a path', () => {
  let losses: CheckLosses

  beforeEach(() => {
    losses = new CheckLosses()
  })

  /** Makes a pair whose check was sent so many times, and returns it with the time of the last transmission. */
  const checked = (tries: number, roundTripMs?: number): { pair: CandidatePair; sentAt: Instant } => {
    const [one, two] = hostCandidates(['192.0.2.1', '192.0.2.2'], { ipv4: 1 })
    if (one === undefined || two === undefined) throw new Error('there are no candidates')
    const sentAt = after(BEGAN, (tries - 1) * REPEAT_MS)
    const pair = newPair(two.endpoint, { local: one, remote: two, nextCheckAt: BEGAN })
    pair.roundTripMs = roundTripMs
    pair.check = { datagram: new Uint8Array(0), beganAt: BEGAN, sentAt, tries, unheard: tries, confirmed: 0 }
    return { pair, sentAt }
  }
  const answer = (tries: number, { roundTripMs, afterMs }: { roundTripMs?: number; afterMs: number }) => {
    const { pair, sentAt } = checked(tries, roundTripMs)
    losses.answered(pair, { repeatMs: REPEAT_MS, now: after(sentAt, afterMs) })
  }

  it('the loss on a path is unknown before a check was answered or given up', () => {
    expect(losses.loss).to.equal(undefined)
  })

  it('a check that is answered at once loses nothing', () => {
    answer(1, { roundTripMs: 10, afterMs: 10 })
    expect(losses.loss).to.deep.equal({ lost: 0, of: 1 })
  })

  it('repetitions that were needed were lost', () => {
    answer(3, { roundTripMs: 10, afterMs: 11 })
    expect(losses.loss).to.deep.equal({ lost: 2, of: 3 })
  })

  it('a repetition that was sent while the answer was on its way was not', () => {
    answer(2, { roundTripMs: 200, afterMs: 50 })
    expect(losses.loss).to.deep.equal({ lost: 0, of: 1 })
  })

  it('a path whose round trip was never measured, because it is longer than the repetition, loses nothing', () => {
    answer(3, { afterMs: 20 })
    expect(losses.loss).to.deep.equal({ lost: 0, of: 1 })
  })

  it('all transmissions of a check that is given up were lost', () => {
    losses.unanswered(checked(14).pair)
    expect(losses.loss).to.deep.equal({ lost: 14, of: 14 })
  })

  it('the loss is that of the latest hundred checks', () => {
    losses.unanswered(checked(14).pair)
    for (let round = 0; round < 86; round++) answer(1, { roundTripMs: 10, afterMs: 10 })
    expect(losses.loss).to.deep.equal({ lost: 14, of: 100 })
    for (let round = 0; round < 14; round++) answer(1, { roundTripMs: 10, afterMs: 10 })
    expect(losses.loss).to.deep.equal({ lost: 0, of: 100 })
  })

  it('another path begins without a loss', () => {
    losses.unanswered(checked(3).pair)
    losses.clear()
    expect(losses.loss).to.equal(undefined)
  })
})
