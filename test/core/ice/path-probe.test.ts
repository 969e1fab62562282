import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { PathProbe } from '../../../core/ice/path-probe.ts'
import { instant } from '../../../core/runtime/time.ts'

const SIZES = [1_440, 1_408, 1_360]

/** A path of a given MTU, and a machine that probes it. */
class Path {
  readonly probe = new PathProbe(SIZES)
  readonly sent: { at: number; size: number }[] = []
  now = 1_000
  carries: number
  /** Whether packets are being sent. */
  isBusy = false
  /** Fates of the next probes, in order: 1 if lost, else 0; later probes are not lost. */
  losses: number[] = []

  constructor(carries: number) {
    this.carries = carries
  }

  begin(): void {
    this.probe.begin(instant(this.now))
    this.#carryOut()
  }

  /** Lets time pass; answers take 20 ms. */
  pass(milliseconds: number): void {
    const end = this.now + milliseconds
    for (; this.now < end; this.now += 20) {
      if (this.isBusy && this.now % 100 === 0) this.probe.trafficSeen(instant(this.now))
      this.#carryOut()
    }
  }

  #carryOut(): void {
    const due = this.probe.deadline()
    if (due === undefined || due.at > this.now) return
    for (const size of this.probe.wake(instant(this.now))) {
      this.sent.push({ at: this.now, size })
      const isLost = (this.losses.shift() ?? 0) > 0
      if (size <= this.carries && !isLost) this.probe.answered(size, instant(this.now + 20))
    }
  }
}

describe('the probe of a path', () => {
  it('T10 a path probe finds the largest size that is carried in one round trip, and probes no more while nothing is sent', () => {
    const path = new Path(1_440)
    path.begin()
    expect(path.probe.proven).to.equal(1_440)
    path.pass(3_600_000)
    expect(path.sent.map(({ size }) => size)).to.deep.equal(SIZES)
  })

  it('T10 a path probe settles for less where the path carries less, and tries again after ten minutes of traffic', () => {
    const path = new Path(1_400)
    path.isBusy = true
    path.begin()
    expect(path.probe.proven).to.equal(1_360)
    path.pass(3_000)
    const again = [1, 2, 3, 4].flatMap(() => SIZES.slice(0, 2))
    expect(path.sent.map(({ size }) => size)).to.deep.equal([...SIZES, ...again])
    path.carries = 1_500
    path.pass(590_000)
    expect(path.probe.proven).to.equal(1_360)
    path.pass(10_000)
    expect(path.probe.proven).to.equal(1_440)
  })

  it('a path probe without any answer raises nothing, and leaves the path alone for ten minutes', () => {
    const path = new Path(1_300)
    path.isBusy = true
    path.begin()
    path.pass(590_000)
    expect(path.probe.proven).to.equal(undefined)
    expect(path.sent).to.have.length(15)
    path.pass(20_000)
    expect(path.sent).to.have.length(30)
  })

  it('a path probe tries five times before it believes that a size is not carried', () => {
    const path = new Path(1_440)
    path.losses = Array.from({ length: 4 * SIZES.length }, () => 1)
    path.begin()
    path.pass(1_900)
    expect(path.probe.proven).to.equal(undefined)
    path.pass(200)
    expect(path.probe.proven).to.equal(1_440)
  })

  it('T10 a path probe notices within 10 s of traffic that the path carries less than before', () => {
    const path = new Path(1_440)
    path.isBusy = true
    path.begin()
    path.pass(60_000)
    expect(path.probe.proven).to.equal(1_440)
    path.carries = 1_380
    path.pass(10_000 + 40)
    expect(path.probe.proven).to.equal(1_360)
  })

  it('a path probe tries again once packets go on after a long silence', () => {
    const path = new Path(1_440)
    path.begin()
    path.pass(3_600_000)
    path.carries = 1_300
    path.isBusy = true
    path.pass(6_000)
    expect(path.probe.proven).to.equal(undefined)
  })

  it('a path probe knows nothing of a path that is not in use any more', () => {
    const path = new Path(1_440)
    path.begin()
    path.probe.end()
    expect(path.probe.proven).to.equal(undefined)
    expect(path.probe.deadline()).to.equal(undefined)
    path.probe.answered(1_440, instant(path.now))
    path.probe.trafficSeen(instant(path.now))
    expect(path.probe.proven).to.equal(undefined)
    expect(path.probe.deadline()).to.equal(undefined)
  })

  it('T10 a path probe never believes in more than the path once carried, nor in the end in less than it carries', () => {
    const change = fc.record({
      carries: fc.constantFrom(1_300, 1_360, 1_400, 1_408, 1_440, 9_000),
      ms: fc.integer({ min: 20, max: 700_000 }),
      isBusy: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
        const path = new Path(changes[0]?.carries ?? 0)
        path.begin()
        let most = 0
        for (const { carries, ms, isBusy } of changes) {
          Object.assign(path, { carries, isBusy })
          most = Math.max(most, carries)
          path.pass(ms)
          expect(path.probe.proven ?? 0).to.be.at.most(most)
        }
        path.isBusy = true
        path.pass(620_000)
        expect(path.probe.proven).to.equal(SIZES.find((size) => size <= path.carries))
      }),
      { numRuns: 30 },
    )
  })
})
