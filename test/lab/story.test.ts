import { expect } from 'chai'
import { describe, it } from 'mocha'
import { needsKernel } from '../kit/needs-kernel.ts'
import { runScenario } from './scenario-run.ts'

/** Patterns of the names of steps that the story must have shown. */
const SHOWN = [
  /^P9 /,
  /direct access .* is impossible/,
  /sign-in at the provider/,
  /^S5 .*without the nonce is refused/,
  /^D1 .*100\.96\.0\.0\/11/,
  /page of the first name/,
  /^P10 .*unknown before its policy exists/,
  /page comes from the same address/,
  /CIDR resource/,
  /port that the filter refuses/,
  /policy is removed/,
  /^H2 .*on the other one/,
  /direct access was impossible throughout/,
  /^T7 .*wrong checksum/,
]

describe('the lab', function () {
  needsKernel()
  this.timeout(400_000)

  it('the lab walks through its story on the real kernel, every step holds, and nothing is left', async () => {
    const steps = await runScenario('story', 390_000)
    for (const shown of SHOWN)
      expect(
        steps.some(({ name }) => shown.test(name)),
        String(shown),
      ).to.equal(true)
  })
})
