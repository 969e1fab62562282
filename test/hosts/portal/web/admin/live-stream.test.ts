import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { LiveStream, BEAT_MS, type LiveEvent } from '../../../../../hosts/portal/web/admin/live/live-stream.ts'
import { versionOf } from '../../../../../hosts/portal/web/admin/page/live-difference.ts'
import { VirtualClock } from '../../../../kit/virtual-clock.ts'

describe('the stream of an open page', () => {
  let clock: VirtualClock
  let page: Map<string, string> | undefined
  let removed: Map<string, string>
  let isValid: boolean
  let sent: LiveEvent[]
  let ended: number
  let failures: unknown[]
  let stream: LiveStream

  beforeEach(async () => {
    clock = new VirtualClock()
    page = new Map([
      ['said', '2 people'],
      ['row-ada', 'Ada'],
      ['row-ben', 'Ben'],
    ])
    removed = new Map()
    isValid = true
    sent = []
    ended = 0
    failures = []
    stream = new LiveStream({
      clock,
      render: () => Promise.resolve(page),
      removal: (id) => Promise.resolve(removed.get(id)),
      send: (event) => sent.push(event),
      isValid: () => Promise.resolve(isValid),
      failed: (error) => failures.push(error),
      end: () => ended++,
    })
    await stream.start(versionOf(page))
    sent.length = 0
  })

  const pass = async (ms: number) => {
    clock.advance(ms)
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  }
  const change = async (next: readonly [string, string][] | undefined) => {
    page = next && new Map(next)
    stream.changed()
    await pass(300)
  }

  it('sends the parts that differ, once, however many changes come together', async () => {
    page = new Map([
      ['said', '2 people'],
      ['row-ada', 'Ada, disabled'],
      ['row-ben', 'Ben'],
    ])
    for (let times = 0; times < 10; times++) stream.changed()
    await pass(300)
    expect(sent).to.deep.equal([{ event: 'part', data: { id: 'row-ada', html: 'Ada, disabled' } }])
    expect(stream.looks).to.equal(2)
  })

  it('renders nothing and sends only heartbeats while nothing changes', async () => {
    for (let beats = 0; beats < 10; beats++) await pass(BEAT_MS)
    expect(sent.map(({ event }) => event)).to.deep.equal(Array.from({ length: 10 }, () => 'beat'))
    expect(stream.looks).to.equal(1)
  })

  it('says who removed a row, or that it does not match any more', async () => {
    removed.set('ada', 'Deleted by Ben at 14:31 UTC.')
    await change([['said', '0 people']])
    expect(sent.slice(1)).to.deep.equal([
      { event: 'gone', data: { id: 'row-ada', text: 'Deleted by Ben at 14:31 UTC.' } },
      { event: 'gone', data: { id: 'row-ben', text: 'Does not match any more.' } },
    ])
  })

  it('holds back rows that come or move, and counts them', async () => {
    await change([
      ['said', '2 people'],
      ['row-aaron', 'Aaron'],
      ['row-ben', 'Ben'],
      ['row-ada', 'Ada'],
    ])
    expect(sent).to.deep.equal([{ event: 'held', data: { count: 3 } }])
  })

  it('ends when the session has ended, and when the person may not see the page any more', async () => {
    isValid = false
    await pass(BEAT_MS)
    expect(sent).to.deep.equal([{ event: 'end', data: { why: 'Your session has ended.' } }])
    expect(ended).to.equal(1)
    await change([['said', 'secret']])
    expect(sent).to.have.length(1)
  })

  it('ends when what it shows may not be seen any more', async () => {
    await change(undefined)
    expect(sent.map(({ event }) => event)).to.deep.equal(['end'])
    expect(ended).to.equal(1)
  })

  it('ends where the page cannot be rendered, and says why to the operator', async () => {
    page = new Map()
    const broken = new LiveStream({
      clock,
      render: () => (page?.size === 0 ? Promise.resolve(page) : Promise.reject(new Error('the database is away'))),
      removal: () => Promise.resolve(undefined),
      send: (event) => sent.push(event),
      isValid: () => Promise.resolve(true),
      failed: (error) => failures.push(error),
      end: () => ended++,
    })
    await broken.start(versionOf(page))
    page = undefined
    broken.changed()
    await pass(300)
    expect(sent.at(-1)?.event).to.equal('end')
    expect(failures.map(String)).to.deep.equal(['Error: the database is away'])
  })

  it('says at once that the page is out of date', async () => {
    const late = new LiveStream({
      clock,
      render: () => Promise.resolve(page),
      removal: () => Promise.resolve(undefined),
      send: (event) => sent.push(event),
      isValid: () => Promise.resolve(true),
      failed: (error) => failures.push(error),
      end: () => ended++,
    })
    await late.start('of another content')
    expect(sent[0]?.event).to.equal('stale')
    late.stop()
  })
})
