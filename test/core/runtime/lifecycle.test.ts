import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Lifecycle, type Startable } from '../../../core/runtime/lifecycle.ts'

const part = (name: string, log: string[], failing?: 'start' | 'stop'): Startable => ({
  start: () => {
    log.push(`start ${name}`)
    if (failing === 'start') throw new Error(`${name} cannot start`)
  },
  stop: async () => {
    log.push(`stop ${name}`)
    if (failing === 'stop') throw new Error(`${name} cannot stop`)
  },
})

const rejection = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('Lifecycle', () => {
  it('a lifecycle starts parts in order and stops them in reverse', async () => {
    const log: string[] = []
    const lifecycle = new Lifecycle()
    await lifecycle.start([part('a', log), part('b', log)])
    await lifecycle.stop()
    expect(log).to.deep.equal(['start a', 'start b', 'stop b', 'stop a'])
  })

  it('a lifecycle stops parts that had begun, the failed one too, when a start fails', async () => {
    const log: string[] = []
    const error = await rejection(new Lifecycle().start([part('a', log), part('b', log, 'start'), part('c', log)]))
    expect(String(error)).to.include('b cannot start')
    expect(log).to.deep.equal(['start a', 'start b', 'stop b', 'stop a'])
  })

  it('a lifecycle goes on stopping past a failure and reports it', async () => {
    const log: string[] = []
    const lifecycle = new Lifecycle()
    await lifecycle.start([part('a', log), part('b', log, 'stop')])
    expect(await rejection(lifecycle.stop())).to.be.instanceOf(AggregateError)
    expect(log.slice(2)).to.deep.equal(['stop b', 'stop a'])
  })
})
