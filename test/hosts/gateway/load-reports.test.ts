import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { drive, type Driven } from '../../../core/runtime/drive.ts'
import type { LoadReading } from '../../../core/runtime/machine-load.ts'
import { MINUTE, SECOND } from '../../../core/runtime/time.ts'
import { LoadReports, type LoadReportsInput, type LoadReportsOutput } from '../../../hosts/gateway/load-reports.ts'
import { createMachineLoad } from '../../../hosts/runtime/index.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

describe('reports of a gateway about the load of its machine', () => {
  let clock: VirtualClock
  let driven: Driven<LoadReportsInput>
  let reading: LoadReading
  let reports: unknown[]
  let reads: number

  beforeEach(() => {
    clock = new VirtualClock()
    reading = { busyMs: 1_000, processorMs: 10_000, deviceBytes: 500 }
    reports = []
    reads = 0
    driven = drive<LoadReportsInput, LoadReportsOutput>(new LoadReports(), {
      clock,
      perform: (output) => {
        if (output.type === 'say') return void reports.push(output.message)
        reads++
        driven.dispatch({ type: 'loadRead', reading })
      },
    })
  })

  const want = () => driven.dispatch({ type: 'reportsWanted', intervalMs: 10 * SECOND })
  const report = (payload: object) => ({ event: 'gatewayLoad', payload })

  it('X4 are made only where the portal asks, in its interval, from what the counters gained', () => {
    clock.advance(MINUTE)
    expect(reads).to.equal(0)
    want()
    want()
    reading = { busyMs: 6_000, processorMs: 30_000, deviceBytes: 10_500 }
    clock.advance(10 * SECOND)
    expect(reports).to.deep.equal([report({ processor_share: 0.25, bytes_per_second: 1_000 })])
    clock.advance(20 * SECOND)
    expect(reads).to.equal(4)
    driven.dispatch({ type: 'linkUp' })
    clock.advance(MINUTE)
    expect(reads, 'a portal that has not asked').to.equal(4)
  })

  it('leave out what is not known: a device that is not there, or is another one, and processors that stood still', () => {
    want()
    reading = { busyMs: 2_000, processorMs: 20_000, deviceBytes: 20 }
    clock.advance(10 * SECOND)
    reading = { busyMs: 3_000, processorMs: 30_000, deviceBytes: undefined }
    clock.advance(10 * SECOND)
    clock.advance(10 * SECOND)
    expect(reports).to.deep.equal([report({ processor_share: 0.1 }), report({ processor_share: 0.1 }), report({})])
  })

  it('come from counters of this machine, which only grow', () => {
    const load = createMachineLoad()
    const [first, second] = [load.read('lo'), load.read('lo')]
    expect(first.busyMs).to.be.greaterThan(0).and.at.most(first.processorMs)
    expect(second.processorMs).to.be.at.least(first.processorMs)
    expect(second.deviceBytes).to.be.at.least(first.deviceBytes ?? Infinity)
    expect(load.read('no-such-device').deviceBytes).to.equal(undefined)
  })
})
