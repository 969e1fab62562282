import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import { MAX_PATHS_TO_CLIENTS } from '../../../core/control/gateway-messages.ts'
import { pathMessages } from '../../../hosts/gateway/path-messages.ts'
import { PathReports, type PathReportsOutput, type PathToPeer } from '../../../hosts/peer/path-reports.ts'

const INTERVAL_MS = 30 * SECOND
const DIRECT: PathToPeer = { peer: 'one', kind: 'direct', ms: 10, lost: 0, of: 100 }

describe('reports of clients and gateways about their paths', () => {
  let now: Instant
  let paths: PathToPeer[]
  let reports: PathReports

  beforeEach(() => {
    now = 0 as Instant
    paths = [DIRECT]
    reports = new PathReports(() => paths)
  })

  const reported = (): PathReportsOutput[] => {
    const found: PathReportsOutput[] = []
    for (let output = reports.poll(); output !== undefined; output = reports.poll()) found.push(output)
    return found
  }
  const said = (): unknown[] => reported().map((report) => report.paths)
  const wait = (milliseconds: number): void => {
    const until = after(now, milliseconds)
    for (let due = reports.deadline(); due !== undefined && due.at <= until; due = reports.deadline()) {
      now = due.at
      reports.wake(now)
    }
    now = until
  }
  const want = (): void => reports.handle({ type: 'reportsWanted', intervalMs: INTERVAL_MS }, now)

  it('paths are reported only to a portal that wants them, and to the next one only once it does', () => {
    wait(INTERVAL_MS)
    expect(said()).to.deep.equal([])
    want()
    expect(said()).to.deep.equal([[DIRECT]])
    reports.handle({ type: 'linkUp' }, now)
    paths = [{ ...DIRECT, kind: 'nat' }]
    wait(10 * INTERVAL_MS)
    expect(said()).to.deep.equal([])
    want()
    expect(said()).to.deep.equal([paths])
  })

  it('paths are reported again only if they have changed by more than a little', () => {
    want()
    said()
    for (const like of [{ ms: 14 }, { ms: 7 }, { lost: 4 }]) {
      paths = [{ ...DIRECT, ...like }]
      wait(INTERVAL_MS)
      expect(said(), JSON.stringify(like)).to.deep.equal([])
    }
    for (const unlike of [{ ms: 100 }, { lost: 50 }, { kind: 'relayed', why: 'not_let_in' } as const, { ms: 5 }]) {
      paths = [{ ...DIRECT, ...unlike }]
      wait(INTERVAL_MS)
      expect(said(), JSON.stringify(unlike)).to.deep.equal([paths])
    }
    paths = []
    wait(INTERVAL_MS)
    expect(said()).to.deep.equal([[]])
  })

  it('another path is reported two seconds after it was taken, and several at once', () => {
    want()
    said()
    paths = [{ ...DIRECT, kind: 'nat' }]
    reports.handle({ type: 'pathChanged' }, now)
    wait(SECOND)
    reports.handle({ type: 'pathChanged' }, now)
    expect(said()).to.deep.equal([])
    wait(SECOND)
    expect(said()).to.deep.equal([paths])
  })

  it('a report says which paths have changed and which are gone, with what was reported before as the measure', () => {
    const OTHER: PathToPeer = { peer: 'two', kind: 'relayed', ms: 20 }
    const changed = (): unknown[] => reported().map((report) => report.changed)
    paths = [DIRECT, OTHER]
    want()
    expect(changed()).to.deep.equal([paths])
    // Each is like the one before, and the third is unlike what the portal knows.
    for (const ms of [14, 14.9]) {
      paths = [{ ...DIRECT, ms }, OTHER]
      wait(INTERVAL_MS)
      expect(changed()).to.deep.equal([])
    }
    paths = [{ ...DIRECT, ms: 16 }, OTHER]
    wait(INTERVAL_MS)
    expect(changed()).to.deep.equal([[{ ...DIRECT, ms: 16 }]])
    paths = [{ ...DIRECT, ms: 16 }]
    wait(INTERVAL_MS)
    expect(changed()).to.deep.equal([[{ peer: 'two', kind: 'none' }]])
    wait(INTERVAL_MS)
    expect(changed()).to.deep.equal([])
  })

  it('a gateway with many clients tells their paths in several messages', () => {
    const many = Array.from({ length: 150 }, (_, index): PathToPeer => ({ peer: String(index), kind: 'direct' }))
    const told = pathMessages(many).map(({ payload }) => (payload as { paths: { client_id: string }[] }).paths)
    expect(told.map(({ length }) => length)).to.deep.equal([MAX_PATHS_TO_CLIENTS, MAX_PATHS_TO_CLIENTS, 22])
    expect(told.flat().map(({ client_id }) => client_id)).to.deep.equal(many.map(({ peer }) => peer))
    expect(pathMessages([])).to.deep.equal([])
  })
})
