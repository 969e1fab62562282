import { describe, it } from 'mocha'
import { SCENARIOS } from '../../hosts/lab/scenarios.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { runScenario } from './scenario-run.ts'

/** Scenarios with tests of their own: story.test.ts, example-plugins.test.ts. */
const ELSEWHERE = ['story', 'plugins']

describe('scenarios of the lab', function () {
  needsKernel()
  this.timeout(400_000)

  for (const name of Object.keys(SCENARIOS).filter((each) => !ELSEWHERE.includes(each))) {
    it(`the lab walks through ${name} on the real kernel, every step holds, and nothing is left`, async () => {
      await runScenario(name, 390_000)
    })
  }
})
