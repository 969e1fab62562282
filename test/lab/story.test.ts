import { expect } from 'chai'
import { describe, it } from 'mocha'
import { runCommand } from '../../hosts/lab/command.ts'
import type { StepReport } from '../../hosts/lab/step.ts'
import { packageRoot } from '../../hosts/runtime/process/package-root.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { machineState } from './leftovers.ts'

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
    const before = await machineState()
    const command = ['dist/hosts/cli/main.js', 'lab', '--once', '--json']
    const { code, stdout, stderr } = await runCommand(process.execPath, command, {
      cwd: packageRoot(),
      timeoutMs: 390_000,
    })
    const { ok, steps } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { ok: boolean; steps: StepReport[] }
    for (const { name, ok, ms, detail } of steps)
      process.stderr.write(`    ${ok ? '✔' : '✘'} ${name}: ${detail} (${ms} ms)\n`)
    expect(steps.filter((step) => !step.ok)).to.deep.equal([])
    expect({ ok, code }, stderr).to.deep.equal({ ok: true, code: 0 })
    for (const shown of SHOWN)
      expect(
        steps.some(({ name }) => shown.test(name)),
        String(shown),
      ).to.equal(true)
    expect(await machineState()).to.deep.equal(before)
  })
})
