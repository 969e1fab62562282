import { expect } from 'chai'
import { describe, it } from 'mocha'
import { DropReport } from '../../../core/runtime/drop-report.ts'
import { NewsFilter } from '../../../core/runtime/news-filter.ts'
import { after, MINUTE, SECOND } from '../../../core/runtime/time.ts'
import { logDrops } from '../../../hosts/peer/drop-log.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

describe('news in a peer’s log', () => {
  it('news are logged once while they stay the same, and again when they change or much later', () => {
    const clock = new VirtualClock()
    const filter = new NewsFilter()
    const says = (text: string): boolean => filter.isNews('r1', text, clock.now())
    expect([says('granted'), says('granted'), says('denied'), says('granted')]).to.deep.equal([true, false, true, true])
    clock.advance(9 * MINUTE)
    expect(says('granted')).to.equal(false)
    clock.advance(MINUTE)
    expect(says('granted')).to.equal(true)
    expect(filter.isNews('r2', 'granted', clock.now())).to.equal(true)
  })

  it('news take no more memory, however many subjects there are', () => {
    const clock = new VirtualClock()
    const filter = new NewsFilter()
    for (let n = 0; n < 10_000; n++) filter.isNews(`r${n}`, 'granted', clock.now())
    expect(filter.isNews('r9999', 'granted', clock.now())).to.equal(false)
    expect(filter.isNews('r0', 'granted', clock.now())).to.equal(true)
  })

  it('news sum dropped packets within a minute by reason, and are silent where there were none', () => {
    const clock = new VirtualClock()
    const logger = new RecordingLogger()
    let flows = { 'no-path': 3, multicast: 1 }
    const end = logDrops({ clock, logger, counters: () => ({ flows, lane: { multicast: 2 } }) })
    clock.advance(MINUTE)
    clock.advance(MINUTE)
    flows = { 'no-path': 10, multicast: 1 }
    clock.advance(MINUTE)
    expect(logger.lines.map(({ fields }) => fields['dropped'])).to.deep.equal([
      { 'no-path': 3, multicast: 3 },
      { 'no-path': 7 },
    ])
    expect(new Set(logger.lines.map(({ level }) => level))).to.deep.equal(new Set(['info']))
    end()
    flows = { 'no-path': 20, multicast: 1 }
    clock.advance(after(clock.now(), 10 * SECOND))
    expect(logger.lines).to.have.length(2)
  })

  it('news count a part that begins anew from nothing', () => {
    const report = new DropReport()
    expect(report.since({ a: { x: 5 } })).to.deep.equal({ x: 5 })
    expect(report.since({ a: {} })).to.equal(undefined)
    expect(report.since({ a: { x: 2 } })).to.deep.equal({ x: 2 })
  })
})
