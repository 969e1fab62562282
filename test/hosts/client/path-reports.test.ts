import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { MAX_REPORTED_PATHS, type ReportedPath } from '../../../core/control/client-messages.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import { PathReports } from '../../../hosts/client/path-reports.ts'

const INTERVAL_MS = 30 * SECOND
const DIRECT: ReportedPath = { gateway_id: 'one', kind: 'direct', ms: 10, lost: 0, of: 100 }

describe('reports of a client about its paths', () => {
  let now: Instant
  let paths: ReportedPath[]
  let reports: PathReports

  beforeEach(() => {
    now = 0 as Instant
    paths = [DIRECT]
    reports = new PathReports(() => paths)
  })

  const said = (): unknown[] => {
    const found = []
    for (let output = reports.poll(); output !== undefined; output = reports.poll()) {
      if (output.message.event === 'clientPaths') found.push(output.message.payload.paths)
    }
    return found
  }
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

  it('a report names a bounded number of gateways', () => {
    paths = Array.from({ length: 100 }, (_, index) => ({ gateway_id: String(index), kind: 'direct' }))
    want()
    expect(said()[0]).to.have.length(MAX_REPORTED_PATHS)
  })
})
