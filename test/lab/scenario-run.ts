import { expect } from 'chai'
import { runCommand } from '../../hosts/lab/command.ts'
import type { StepReport } from '../../hosts/lab/step.ts'
import { packageRoot } from '../../hosts/runtime/process/package-root.ts'
import { machineState } from './leftovers.ts'

/** Runs a scenario of the lab, expects that every step holds and that nothing is left of it, and returns the steps. */
export const runScenario = async (name: string, timeoutMs: number): Promise<StepReport[]> => {
  const before = await machineState()
  const command = ['dist/hosts/cli/main.js', 'lab', name, '--once', '--json']
  const { code, stdout, stderr } = await runCommand(process.execPath, command, { cwd: packageRoot(), timeoutMs })
  const report = stdout.trim().split('\n').at(-1) ?? ''
  expect(report, stderr).to.match(/^\{/)
  const { ok, steps } = JSON.parse(report) as { ok: boolean; steps: StepReport[] }
  for (const { name, ok, ms, detail } of steps)
    process.stderr.write(`    ${ok ? '✔' : '✘'} ${name}: ${detail} (${ms} ms)\n`)
  expect(steps.filter((step) => !step.ok)).to.deep.equal([])
  expect({ ok, code }, stderr).to.deep.equal({ ok: true, code: 0 })
  expect(await machineState()).to.deep.equal(before)
  return steps
}
