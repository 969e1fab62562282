import { expect } from 'chai'
import { describe, it } from 'mocha'
import { drive } from '../../../core/runtime/drive.ts'
import type { Machine } from '../../../core/runtime/machine.ts'
import { after, type Instant } from '../../../core/runtime/time.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

/** Answers each ping with a pong two seconds later. */
class Echo implements Machine<string, string> {
  readonly #due: { at: Instant; text: string }[] = []
  readonly #out: string[] = []

  handle(input: string, now: Instant): void {
    this.#due.push({ at: after(now, 2_000), text: input })
    this.#out.push(`got ${input}`)
  }

  wake(now: Instant): void {
    while (this.#due[0] !== undefined && this.#due[0].at <= now) this.#out.push(`pong ${this.#due.shift()?.text ?? ''}`)
  }

  poll(): string | undefined {
    return this.#out.shift()
  }

  deadline() {
    const first = this.#due[0]
    return first === undefined ? undefined : { at: first.at, reason: 'pong' }
  }
}

describe('drive', () => {
  it('drive carries out effects of an input at once, and wakes the machine when it is due', () => {
    const clock = new VirtualClock()
    const done: string[] = []
    const driven = drive(new Echo(), { clock, perform: (output) => done.push(output) })
    driven.dispatch('a')
    expect(done).to.deep.equal(['got a'])
    clock.advance(1_999)
    expect(done).to.have.length(1)
    clock.advance(1)
    expect(done).to.deep.equal(['got a', 'pong a'])
  })

  it('drive queues inputs that arise while effects are carried out', () => {
    const clock = new VirtualClock()
    const done: string[] = []
    const driven = drive(new Echo(), {
      clock,
      perform: (output) => {
        done.push(output)
        if (output === 'got a') driven.dispatch('b')
      },
    })
    driven.dispatch('a')
    expect(done).to.deep.equal(['got a', 'got b'])
  })

  it('drive takes no input and wakes nothing after it was stopped', () => {
    const clock = new VirtualClock()
    const done: string[] = []
    const driven = drive(new Echo(), { clock, perform: (output) => done.push(output) })
    driven.dispatch('a')
    driven.stop()
    driven.dispatch('b')
    clock.advance(10_000)
    expect(done).to.deep.equal(['got a'])
    expect(clock.nextAlarm()).to.equal(undefined)
  })
})
