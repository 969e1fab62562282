import { expect } from 'chai'
import * as fc from 'fast-check'
import { DeadlineQueue } from '../../../core/runtime/deadline-queue.ts'
import type { Deadline } from '../../../core/runtime/machine.ts'
import { instant } from '../../../core/runtime/time.ts'

const at = (moment: number): Deadline => ({ at: instant(moment), reason: `at ${moment}` })

/** Reference model: finds the earliest deadline by looking through all of them. */
class PlainQueue {
  readonly #deadlines = new Map<string, Deadline>()

  get size(): number {
    return this.#deadlines.size
  }

  set(owner: string, deadline: Deadline | undefined): void {
    // A map keeps the place of an existing key, so that among equal deadlines the first entered is met first.
    if (deadline === undefined) this.#deadlines.delete(owner)
    else this.#deadlines.set(owner, deadline)
  }

  hasten(owner: string, deadline: Deadline): void {
    if (deadline.at < (this.#deadlines.get(owner)?.at ?? Infinity)) this.set(owner, deadline)
  }

  first(): Deadline | undefined {
    return this.#earliest()?.[1]
  }

  takeDue(now: number): string | undefined {
    const [owner, deadline] = this.#earliest() ?? []
    if (owner === undefined || deadline === undefined || deadline.at > now) return undefined
    this.#deadlines.delete(owner)
    return owner
  }

  #earliest(): [string, Deadline] | undefined {
    let earliest: [string, Deadline] | undefined
    for (const one of this.#deadlines) if (earliest === undefined || one[1].at < earliest[1].at) earliest = one
    return earliest
  }
}

const owner = fc.integer({ min: 0, max: 40 }).map((number) => `owner ${number}`)
const moment = fc.integer({ min: 0, max: 30 })
const step = fc.oneof(
  fc.record({ verb: fc.constant('set' as const), owner, moment }),
  fc.record({ verb: fc.constant('set' as const), owner, moment: fc.constant(undefined) }),
  fc.record({ verb: fc.constant('hasten' as const), owner, moment }),
  fc.record({ verb: fc.constant('takeDue' as const), moment }),
)

describe('deadline queue', () => {
  it('the deadline queue gives out owners that are due, the earliest first, among equals the one that was entered first', () => {
    const queue = new DeadlineQueue<string>()
    for (const [name, moment] of [
      ['c', 30],
      ['a', 10],
      ['b', 10],
      ['d', 40],
    ] as const) {
      queue.set(name, at(moment))
    }
    expect(queue.first()).to.deep.equal(at(10))
    const due: unknown[] = []
    for (let next = queue.takeDue(instant(30)); next !== undefined; next = queue.takeDue(instant(30))) due.push(next)
    expect(due).to.deep.equal(['a', 'b', 'c'])
    expect(queue.first()).to.deep.equal(at(40))
    expect(queue.size).to.equal(1)
  })

  it('the deadline queue does as a plain list would, whatever is entered, changed and taken out in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const queue = new DeadlineQueue<string>()
        const plain = new PlainQueue()
        for (const one of steps) {
          if (one.verb === 'takeDue') {
            expect(queue.takeDue(instant(one.moment))).to.equal(plain.takeDue(one.moment))
          } else if (one.verb === 'hasten') {
            for (const each of [queue, plain]) each.hasten(one.owner, at(one.moment))
          } else {
            const deadline = one.moment === undefined ? undefined : at(one.moment)
            for (const each of [queue, plain]) each.set(one.owner, deadline)
          }
          expect(queue.first()?.at).to.equal(plain.first()?.at)
          expect(queue.size).to.equal(plain.size)
        }
      }),
      { numRuns: 200 },
    )
  })
})
