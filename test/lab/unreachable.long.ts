import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { stringify } from 'yaml'
import { Namespace } from '../../hosts/lab/namespace.ts'
import { portreeve } from '../../hosts/lab/program.ts'
import { RunDirectory } from '../../hosts/lab/run-directory.ts'
import { needsKernel } from '../kit/needs-kernel.ts'

describe('a portal that never answers, on the kernel', () => {
  needsKernel()
  let run: RunDirectory
  let machine: Namespace

  before(async () => {
    run = await RunDirectory.open()
    machine = await Namespace.create(run, 'machine')
  })
  after(async () => {
    await run.close()
  })

  for (const command of [['gateway'], ['client', 'up']]) {
    it(`${command.join(' ')} gives up after 15 s and ends with 4`, async () => {
      const file = await run.write(
        'peer.yaml',
        stringify({
          portal_url: 'http://127.0.0.1:9',
          state_folder: command.join('-'),
          plugins: ['transport-wireguard', 'resolver-system'].map((plugin) => ({ use: `builtin:${plugin}` })),
        }),
      )
      const began = performance.now()
      const { code, stderr } = await machine.run(process.execPath, portreeve(...command, '--config', file), {
        env: { PORTREEVE_TOKEN: '.a-token' },
        timeoutMs: 60_000,
      })
      expect(code, stderr).to.equal(4)
      expect(stderr).to.include('the portal cannot be reached')
      expect(performance.now() - began).to.be.within(14_000, 60_000)
    })
  }
})
