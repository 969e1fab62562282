import { expect } from 'chai'
import { describe, it } from 'mocha'
import { MAX_DEADLINE_AHEAD_MS, instant, instantOf, unixOf, unixTime } from '../../../core/runtime/time.ts'

const pair = { instant: instant(5_000), unix: unixTime(1_000_000) }

describe('instantOf', () => {
  it('instantOf converts a wall-clock time to the monotonic clock and back', () => {
    expect(instantOf(unixTime(1_002_500), pair)).to.equal(7_500)
    expect(unixOf(instant(7_500), pair)).to.equal(1_002_500)
  })

  it('instantOf takes a time in the past, or none at all, as over, and one absurdly far ahead as a year', () => {
    for (const time of [999_999, -1, Number.NaN, Number.NEGATIVE_INFINITY])
      expect(instantOf(unixTime(time), pair)).to.equal(5_000)
    for (const time of [Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) {
      expect(instantOf(unixTime(time), pair)).to.equal(5_000 + MAX_DEADLINE_AHEAD_MS)
    }
  })
})
