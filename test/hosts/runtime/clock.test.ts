import { expect } from 'chai'
import { describe, it } from 'mocha'
import { DAY, after, type Instant } from '../../../core/runtime/time.ts'
import { createClock, createRandom } from '../../../hosts/runtime/index.ts'

describe('the system clock', () => {
  it('never wakes before the moment', async () => {
    const clock = createClock()
    for (const wait of [0, 0.4, 1.5, 7.9]) {
      const at = after(clock.now(), wait)
      const woken = await new Promise<Instant>((resolve) => {
        clock.wake(at, () => resolve(clock.now()))
      })
      expect(woken).to.be.at.least(at)
    }
  })

  it('waits for a moment further away than a Node timer can, instead of firing at once', async () => {
    const clock = createClock()
    let woken = false
    const cancel = clock.wake(after(clock.now(), 100 * DAY), () => {
      woken = true
    })
    await new Promise<void>((resolve) => {
      clock.wake(after(clock.now(), 20), resolve)
    })
    cancel()
    expect(woken).to.equal(false)
  })

  it('does not wake what was cancelled', async () => {
    const clock = createClock()
    const woken: string[] = []
    const cancel = clock.wake(after(clock.now(), 1), () => woken.push('cancelled'))
    cancel()
    await new Promise<void>((resolve) => {
      clock.wake(after(clock.now(), 10), resolve)
    })
    expect(woken).to.deep.equal([])
  })
})

describe('the system randomness', () => {
  it('gives as many bytes as asked, and fresh ones', () => {
    const random = createRandom()
    expect(random.bytes(0).length).to.equal(0)
    expect(random.bytes(32).length).to.equal(32)
    expect(random.bytes(32)).not.to.deep.equal(random.bytes(32))
  })
})
