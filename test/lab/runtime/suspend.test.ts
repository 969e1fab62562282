import { expect } from 'chai'
import { describe, it } from 'mocha'
import { mustRun } from '../../../hosts/lab/command.ts'
import { HOUR } from '../../../core/runtime/time.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'

const CLOCK = new URL('../../../hosts/runtime/clock.js', import.meta.url).href
const SHIFT = `
  import { SystemClock } from '${CLOCK}'
  process.stdout.write(String(new SystemClock().origin - Number(process.hrtime.bigint()) / 1e6))`

describe('the clock of a machine that slept', () => {
  needsKernel()

  it('the clock of a machine that slept is ahead of Node’s by the length of the sleep', async () => {
    // A time namespace stands for a machine that was suspended for an hour: its two clocks differ by an hour.
    const asleep = ['--time', '--fork', '--boottime', String(HOUR / 1_000)]
    const { stdout } = await mustRun('unshare', [...asleep, process.execPath, '--input-type=module', '-e', SHIFT])
    expect(Math.round(Number(stdout) / HOUR)).to.equal(1)
  })
})
