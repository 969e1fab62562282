import { after, afterEach, before } from 'mocha'
import { needsKernel } from '../../kit/needs-kernel.ts'
import { Bed } from './bed.ts'

/**
 * Opens one bed for all tests of a `describe`, and prints its output where one fails. Call it first in the `describe`.
 */
export const useBed = (prepare: (bed: Bed) => Promise<void>): (() => Bed) => {
  let bed: Bed | undefined
  needsKernel()
  before(async function () {
    this.timeout(300_000)
    bed = await Bed.open()
    await prepare(bed).catch((error: unknown) => {
      process.stderr.write(`${bed?.lastWords() ?? ''}\n`)
      throw error
    })
  })
  afterEach(function () {
    if (this.currentTest?.state === 'failed') process.stderr.write(`${bed?.lastWords() ?? ''}\n`)
  })
  after(async function () {
    this.timeout(240_000)
    await bed?.close()
  })
  return () => {
    if (bed === undefined) throw new Error('the bed was not made')
    return bed
  }
}
