import { expect } from 'chai'
import { describe, it } from 'mocha'
import { HeldMachines, type Tell } from '../../../core/runtime/held-machines.ts'
import type { Machine } from '../../../core/runtime/machine.ts'
import { instant, type Instant } from '../../../core/runtime/time.ts'

/** Puts out each input, and once more when its time has come. */
class Echo implements Machine<string, string> {
  readonly #name: string
  #at: Instant | undefined
  readonly #out: string[] = []

  constructor(name: string, at?: Instant) {
    this.#name = name
    this.#at = at
  }

  handle(input: string): void {
    this.#out.push(`${this.#name} heard ${input}`, `${this.#name} thought about ${input}`)
  }

  wake(now: Instant): void {
    if (this.#at === undefined || this.#at > now) return
    this.#at = undefined
    this.#out.push(`${this.#name} woke`)
  }

  poll(): string | undefined {
    return this.#out.shift()
  }

  deadline() {
    return this.#at === undefined ? undefined : { at: this.#at, reason: this.#name }
  }
}

describe('machines that a machine holds', () => {
  it('held machines hand on all effects of an input while it is handled', () => {
    const said: [string, Instant][] = []
    const tell = new HeldMachines().hold(new Echo('a'), (output, now) => said.push([output, now]))
    tell('x', instant(5))
    expect(said).to.deep.equal([
      ['a heard x', 5],
      ['a thought about x', 5],
    ])
  })

  it('held machines get each other’s effects as inputs, and back, at once', () => {
    const said: string[] = []
    const held = new HeldMachines()
    const tellB: Tell<string> = held.hold(new Echo('b'), (output, now) => {
      said.push(output)
      if (output === 'b heard from a') tellA('from b', now)
    })
    const tellA: Tell<string> = held.hold(new Echo('a'), (output, now) => {
      said.push(output)
      if (output === 'a heard x') tellB('from a', now)
    })
    tellA('x', instant(0))
    expect(said.slice(0, 2)).to.deep.equal(['a heard x', 'b heard from a'])
    expect(said.slice(2)).to.have.members([
      'a heard from b',
      'a thought about from b',
      'a thought about x',
      'b thought about from a',
    ])
  })

  it('held machines are due when the first of them is, and wake in the order in which they were taken', () => {
    const said: string[] = []
    const held = new HeldMachines()
    for (const echo of [new Echo('late', instant(9)), new Echo('early', instant(3)), new Echo('never')]) {
      held.hold(echo, (output) => said.push(output))
    }
    expect(held.deadline()).to.deep.equal({ at: 3, reason: 'early' })
    held.wake(instant(3))
    expect(said).to.deep.equal(['early woke'])
    expect(held.deadline()).to.deep.equal({ at: 9, reason: 'late' })
    held.wake(instant(9))
    expect(said).to.deep.equal(['early woke', 'late woke'])
    expect(held.deadline()).to.equal(undefined)
  })

  it('held machines are never due while there are none', () => {
    expect(new HeldMachines().deadline()).to.equal(undefined)
  })
})
