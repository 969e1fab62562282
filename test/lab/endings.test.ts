import { expect } from 'chai'
import { afterEach, describe, it } from 'mocha'
import { runCommand } from '../../hosts/lab/command.ts'
import { Part } from '../../hosts/lab/part.ts'
import { removeDeadRuns } from '../../hosts/lab/run-directory.ts'
import { packageRoot } from '../../hosts/runtime/process/package-root.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { leftOf, machineState } from './leftovers.ts'

describe('the lab’s end', function () {
  needsKernel()
  this.timeout(240_000)
  let lab: Part | undefined

  /** Starts a lab and waits until its servers run, so that everything that needs cleaning up is there. */
  const start = async (...args: string[]): Promise<{ id: string; part: Part }> => {
    lab = new Part(process.execPath, ['dist/hosts/cli/main.js', 'lab', ...args], { name: 'lab', cwd: packageRoot() })
    const first = await lab.line((line) => line.startsWith('Namespaces of this run'))
    await lab.line((line) => line.includes('name servers, identity provider'))
    return { id: /pr-([0-9a-f]{6})-/.exec(first)?.[1] ?? '', part: lab }
  }

  afterEach(async () => {
    await lab?.stop()
    lab = undefined
  })

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`the lab leaves nothing after ${signal}`, async () => {
      const before = await machineState()
      const { id, part } = await start()
      expect(await leftOf(id)).not.to.deep.equal([])
      part.kill(signal)
      expect(await part.ended).to.deep.equal({ code: 1, signal: null })
      expect(await leftOf(id)).to.deep.equal([])
      expect(await machineState()).to.deep.equal(before)
    })
  }

  it('the lab leaves nothing after the crash of a part, and says which part and why', async () => {
    const { id, part } = await start('--once', '--json')
    const { stdout } = await runCommand('ip', ['netns', 'pids', `pr-${id}-upstream`])
    process.kill(Number(stdout), 'SIGKILL')
    expect(await part.ended).to.deep.equal({ code: 1, signal: null })
    const { ok, steps } = JSON.parse(await part.line((line) => line.startsWith('{'))) as {
      ok: boolean
      steps: { ok: boolean; detail: string }[]
    }
    expect(ok).to.equal(false)
    expect(steps.some((step) => !step.ok && step.detail.startsWith('upstream ended (SIGKILL)'))).to.equal(true)
    expect(await leftOf(id)).to.deep.equal([])
  })

  it('the next start cleans up a lab that SIGKILL ended, and does not hurt a lab that runs', async () => {
    const { id, part } = await start()
    expect(await removeDeadRuns()).not.to.include(id)
    part.kill('SIGKILL')
    await part.ended
    expect(await leftOf(id)).not.to.deep.equal([])
    await removeDeadRuns()
    expect(await leftOf(id)).to.deep.equal([])
  })

  it('the lab keeps configuration and logs where it is asked to, and nothing else', async () => {
    const { id, part } = await start('--keep')
    await part.stop()
    expect(await leftOf(id)).to.deep.equal([id])
    const { stdout } = await runCommand('ls', [`/run/portreeve-lab/${id}`])
    expect(stdout.split('\n')).to.include.members(['upstream.log', 'provider.log'])
    await removeDeadRuns()
    expect(await leftOf(id)).to.deep.equal([])
  })
})
