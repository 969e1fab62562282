import { expect } from 'chai'
import { describe, it } from 'mocha'
import { fileURLToPath } from 'node:url'
import { Namespace } from '../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../hosts/lab/run-directory.ts'
import { needsKernel } from '../kit/needs-kernel.ts'

describe('the native lane', function () {
  needsKernel()
  this.timeout(240_000)

  it('the native lane moves packets while the thread of its host is blocked', async () => {
    const run = await RunDirectory.open()
    try {
      const machine = await Namespace.create(run, 'blocked')
      const program = fileURLToPath(new URL('./blocked-host.js', import.meta.url))
      const { stdout } = await machine.mustRun(process.execPath, [program], { timeoutMs: 200_000 })
      expect(JSON.parse(stdout)).to.deep.equal({ came: 400_000, isSame: true, wasDoneMeanwhile: true })
    } finally {
      await run.close()
    }
  })
})
