import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { ReplayWindow, WINDOW_SIZE } from '../../../plugins/transport-wireguard/replay-window.ts'

/** The same by a plain set. */
class SlowWindow {
  readonly #seen = new Set<number>()
  #greatest = -1

  accept(counter: number): string {
    if (counter <= this.#greatest - WINDOW_SIZE) return 'too-old'
    if (this.#seen.has(counter)) return 'replayed'
    this.#seen.add(counter)
    const newest = counter > this.#greatest
    if (newest) this.#greatest = counter
    return newest ? 'newest' : 'late'
  }
}

const step = fc.oneof(
  fc.integer({ min: -40, max: 40 }),
  fc.integer({ min: -WINDOW_SIZE - 40, max: WINDOW_SIZE + 400 }),
  fc.constantFrom(-WINDOW_SIZE - 1, -WINDOW_SIZE, -WINDOW_SIZE + 1, 31, 32, 33, 8191, 8192, 8193),
)

describe('the replay window', () => {
  it('the replay window agrees with a plain set, whatever order the counters come in', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, 1, 2 ** 32 - 50, 2 ** 40), fc.array(step, { maxLength: 300 }), (start, steps) => {
        const window = new ReplayWindow()
        const slow = new SlowWindow()
        let at = start
        for (const distance of steps) {
          at = Math.max(0, at + distance)
          expect(window.accept(at), `counter ${at}`).to.equal(slow.accept(at))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('the replay window takes 8160 counters below the greatest, each once', () => {
    const window = new ReplayWindow()
    expect(window.accept(10_000)).to.equal('newest')
    expect(window.accept(10_000 - WINDOW_SIZE)).to.equal('too-old')
    for (let counter = 10_000 - WINDOW_SIZE + 1; counter < 10_000; counter++) {
      expect(window.accept(counter)).to.equal('late')
      expect(window.accept(counter)).to.equal('replayed')
    }
    expect(WINDOW_SIZE).to.equal(8160)
  })
})
