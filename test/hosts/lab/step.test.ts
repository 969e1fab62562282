import { expect } from 'chai'
import { describe, it } from 'mocha'
import { walk, type Step, type StepReport } from '../../../hosts/lab/step.ts'

const never = new Promise<string>(() => undefined)
const fine = (name: string): Step<string[]> => ({
  name,
  run: async (world) => {
    world.push(name)
    return `${name} was fine`
  },
})

describe('hosts/lab/step', () => {
  it('steps of the lab run in order, and each is reported as it ends', async () => {
    const [world, seen]: [string[], StepReport[]] = [[], []]
    const reports = await walk([fine('one'), fine('two')], world, {
      onReport: (report) => seen.push(report),
      interrupted: never,
    })
    expect(world).to.deep.equal(['one', 'two'])
    expect(reports).to.deep.equal(seen)
    expect(reports.map(({ ok, detail }) => ({ ok, detail }))).to.deep.equal([
      { ok: true, detail: 'one was fine' },
      { ok: true, detail: 'two was fine' },
    ])
  })

  it('no step of the lab runs after one that failed, and the report says so', async () => {
    const world: string[] = []
    const failing = { name: 'bad', run: () => Promise.reject(new Error('no luck')) }
    const reports = await walk([failing, fine('after')], world, { onReport: () => undefined, interrupted: never })
    expect(world).to.deep.equal([])
    expect(reports.map(({ ok, detail }) => ({ ok, detail }))).to.deep.equal([
      { ok: false, detail: 'no luck' },
      { ok: false, detail: 'not run: "bad" failed' },
    ])
  })

  it('a waiting step of the lab ends when it is interrupted', async () => {
    const waiting = { name: 'waits', run: () => never }
    const [report] = await walk([waiting], [], {
      onReport: () => undefined,
      interrupted: Promise.resolve('ended by SIGTERM'),
    })
    expect(report).to.include({ ok: false, detail: 'ended by SIGTERM' })
  })
})
