import { expect } from 'chai'
import { describe, it } from 'mocha'
import { SECOND } from '../../../../core/runtime/time.ts'
import { WriteQueue } from '../../../../hosts/portal/store/write-queue.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

describe('the line of writes', () => {
  it('the queue of writes goes on after a failure, in order', async () => {
    const line = new WriteQueue(new VirtualClock())
    const done: number[] = []
    const outcomes = await Promise.allSettled([
      line.take(async () => Promise.resolve(done.push(1))),
      line.take(async () => Promise.reject(new Error('no'))),
      line.take(async () => Promise.resolve(done.push(2))),
    ])
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled'])
    expect(done).to.deep.equal([1, 2])
  })

  it('the queue of writes says how long the first has waited, and drops writes that have waited for more than 30 s', async () => {
    const clock = new VirtualClock()
    const line = new WriteQueue(clock)
    let answer: () => void = () => undefined
    let begin: () => void = () => undefined
    const begun = new Promise<void>((resolve) => (begin = resolve))
    const first = line.take(async () => {
      begin()
      return new Promise<void>((resolve) => (answer = resolve))
    })
    await begun
    let isDone = false
    const second = line
      .take(async () => Promise.resolve((isDone = true)))
      .then(
        () => 'done',
        (error: unknown) => (error as { code: string }).code,
      )
    expect(line.delayMs).to.equal(0)
    clock.advance(31 * SECOND)
    expect(line.delayMs).to.equal(31 * SECOND)
    answer()
    await first
    expect(await second).to.equal('BUSY')
    expect(isDone).to.equal(false)
    expect(line.delayMs).to.equal(0)
    expect(await line.take(async () => Promise.resolve('next'))).to.equal('next')
  })

  it('the queue of writes is bounded', async () => {
    const line = new WriteQueue(new VirtualClock())
    let answer: () => void = () => undefined
    const waiting = [line.take(() => new Promise<void>((resolve) => (answer = resolve)))]
    for (let index = 1; index < 20_000; index++) waiting.push(line.take(async () => Promise.resolve()))
    const refused = await line.take(async () => Promise.resolve()).catch((error: unknown) => error)
    expect(refused).to.have.property('code', 'BUSY')
    answer()
    await Promise.all(waiting)
  })
})
