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
    it(`M8 ${command.join(' ')} says at once which URL and why, goes on trying, and ends with 0 by SIGTERM`, async () => {
      const file = await run.write(
        'peer.yaml',
        stringify({
          portal_url: 'http://127.0.0.1:9',
          state_folder: command.join('-'),
          socket: `${command.join('-')}.sock`,
          plugins: ['transport-wireguard', 'resolver-system'].map((plugin) => ({ use: `builtin:${plugin}` })),
        }),
      )
      const peer = machine.spawn(process.execPath, portreeve(...command, '--config', file), {
        name: command.join('-'),
        env: { PORTREEVE_TOKEN: '.a-token' },
      })
      const line = await peer.line((text) => text.includes('the portal cannot be reached'))
      expect(JSON.parse(line)).to.include({ level: 'info', step: 'connect', code: 'connection_refused' })
      expect(line).to.include('ws://127.0.0.1:9/')
      const status = [...(command[0] === 'gateway' ? ['gateway'] : ['client']), 'status', '--config', file]
      const asked = await machine.run(process.execPath, portreeve(...status), {})
      expect(asked.code, asked.stderr).to.equal(4)
      expect(asked.stdout).to.include('connection_refused')
      peer.kill('SIGTERM')
      expect(await peer.ended, peer.output).to.deep.equal({ code: 0, signal: null })
    })
  }
})
