import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { DAY, after, type Instant } from '../../../core/runtime/time.ts'
import { SystemClock } from '../../../hosts/runtime/clock.ts'
import { createClock, createRandom } from '../../../hosts/runtime/index.ts'

const MODULE = new URL('../../../hosts/runtime/clock.js', import.meta.url).href
const CLOCK_OF_A_WORKER = `
  const { parentPort, workerData: [module, origin] } = require('node:worker_threads')
  import(module).then(({ SystemClock }) => parentPort.postMessage(new SystemClock({ origin }).now()))`

describe('the system clock', () => {
  it('the system clock never wakes before the moment', async () => {
    const clock = createClock()
    for (const wait of [0, 0.4, 1.5, 7.9]) {
      const at = after(clock.now(), wait)
      const woken = await new Promise<Instant>((resolve) => {
        clock.wake(at, () => resolve(clock.now()))
      })
      expect(woken).to.be.at.least(at)
    }
  })

  it('the system clock waits for a moment further away than a Node timer can, instead of firing at once', async () => {
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

  it('the system clock has gone on while the machine slept, and soon wakes what was due then', async () => {
    let slept = 0
    const clock = new SystemClock({ origin: 0, elapsed: () => performance.now() + slept, lookEveryMs: 10 })
    const at = after(clock.now(), DAY)
    // The timer was armed before the sleep and has a day to go.
    const woken = new Promise<Instant>((resolve) => {
      clock.wake(at, () => resolve(clock.now()))
    })
    slept = DAY
    expect(await woken).to.be.at.least(at)
  })

  it('the system clock counts from one origin in all clocks of a thread, and in another one that is told it', async () => {
    const [one, other] = [createClock(), new SystemClock()]
    const worker = new Worker(CLOCK_OF_A_WORKER, { eval: true, workerData: [MODULE, other.origin] })
    const before = one.now()
    const [between] = (await once(worker, 'message')) as [number]
    expect(between).to.be.at.least(before)
    expect(other.now()).to.be.at.least(between)
    expect(new SystemClock().origin).to.equal(other.origin)
  })

  it('the system clock does not wake what was cancelled', async () => {
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
  it('the system randomness gives as many bytes as asked, and fresh ones', () => {
    const random = createRandom()
    expect(random.bytes(0).length).to.equal(0)
    expect(random.bytes(32).length).to.equal(32)
    expect(random.bytes(32)).not.to.deep.equal(random.bytes(32))
  })
})
