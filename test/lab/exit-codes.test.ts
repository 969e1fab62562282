import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { stringify } from 'yaml'
import { askClient } from '../../hosts/client/session/control-socket.ts'
import type { ClientStatus } from '../../hosts/client/session/client-status.ts'
import type { CommandResult } from '../../hosts/lab/command.ts'
import { eventually } from '../../hosts/lab/eventually.ts'
import { Namespace } from '../../hosts/lab/namespace.ts'
import type { Part } from '../../hosts/lab/part.ts'
import { portreeve } from '../../hosts/lab/program.ts'
import { RunDirectory } from '../../hosts/lab/run-directory.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { PATIENCE_MS } from '../kit/patience.ts'

const PORTAL_URL = 'http://127.0.0.1:8080'

describe('the command line’s exit codes, on the kernel', function () {
  needsKernel()
  this.timeout(240_000)
  let run: RunDirectory
  let machine: Namespace
  let portal: Part
  let token: string
  let files: { gateway: string; client: string }
  let env: Record<string, string>

  before(async () => {
    run = await RunDirectory.open()
    machine = await Namespace.create(run, 'machine')
    const portalFile = await run.write(
      'portal.yaml',
      stringify({ listen: { port: 8080 }, public_url: PORTAL_URL, state_folder: join(run.path, 'portal') }),
    )
    files = {
      gateway: await run.write('gateway.yaml', peer('gateway')),
      client: await run.write('client.yaml', peer('client', { socket: 'client.sock', dns: 'none' })),
    }
    env = { PORTREEVE_SOCKET: join(run.path, 'client.sock') }
    const args = ['--config', portalFile, '--account', 'example', '--admin-email', 'ada@example.org', '--json']
    const { stdout } = await machine.mustRun(process.execPath, portreeve('portal', 'init', ...args))
    token = (JSON.parse(stdout) as { token: string }).token
    portal = machine.spawn(process.execPath, portreeve('portal', '--config', portalFile), { name: 'portal' })
    await portal.line((line) => line.startsWith('portal: listening'))
  })
  after(async () => {
    await run.close()
  })

  const peer = (name: string, settings: object = {}): string =>
    stringify({
      portal_url: PORTAL_URL,
      state_folder: name,
      plugins: ['transport-wireguard', 'resolver-system'].map((plugin) => ({ use: `builtin:${plugin}` })),
      ...settings,
    })
  const command = (args: string[], more: Record<string, string> = {}): Promise<CommandResult> =>
    machine.run(process.execPath, portreeve(...args), { env: { ...env, ...more } })

  it('a client ends with 3 where there is no token, or one that the portal refuses, and never shows the token', async () => {
    const refused = { PORTREEVE_TOKEN: '.a-token-that-nobody-made' }
    for (const args of [
      ['gateway', '--config', files.gateway],
      ['client', 'up', '--config', files.client],
    ]) {
      const without = await command(args)
      expect(without.code, without.stderr).to.equal(3)
      const { code, stdout, stderr } = await command(args, refused)
      expect(code, stderr).to.equal(3)
      expect(stderr).to.include('invalid_token')
      expect(stdout + stderr).not.to.include('a-token-that-nobody-made')
    }
  })

  it('a running client ends with 0 by `client down` and by SIGTERM, and its status with 0 while it is connected', async () => {
    const clientToken = await makeClientToken()
    for (const end of ['down', 'SIGTERM']) {
      const args = portreeve('client', 'up', '--config', files.client)
      const client = machine.spawn(process.execPath, args, {
        name: 'client',
        env: { ...env, PORTREEVE_TOKEN: clientToken },
      })
      await connected(client)
      expect((await command(['client', 'status'])).code).to.equal(0)
      if (end === 'down') expect((await command(['client', 'down'])).code).to.equal(0)
      else client.kill('SIGTERM')
      expect(await client.ended, client.output).to.deep.equal({ code: 0, signal: null })
      expect((await command(['client', 'status'])).code).to.equal(4)
    }
  })

  it('a second client on the same machine ends with 1, and leaves the first one alone', async () => {
    const clientToken = await makeClientToken()
    const args = portreeve('client', 'up', '--config', files.client)
    const own = { ...env, PORTREEVE_TOKEN: clientToken }
    const client = machine.spawn(process.execPath, args, { name: 'client', env: own })
    await connected(client)
    const second = await command(['client', 'up', '--config', files.client], own)
    expect(second.code).to.equal(1)
    expect(second.stderr).to.include('CLIENT_RUNNING')
    expect((await command(['client', 'status'])).code).to.equal(0)
    expect(await client.stop()).to.deep.equal({ code: 0, signal: null })
  })

  it('a portal ends with 0 by SIGTERM', async () => {
    expect(await portal.stop()).to.deep.equal({ code: 0, signal: null })
  })

  /** Waits for the state without the command, which takes half a second of processor time for each question. */
  const connected = async (client: Part): Promise<void> => {
    const state = async () => ((await askClient(join(run.path, 'client.sock'), 'status')) as ClientStatus).state
    await eventually(async () => ((await state().catch(() => '')) === 'connected' ? true : undefined), {
      what: `the client is connected: ${client.output}`,
      timeoutMs: PATIENCE_MS,
    })
  }

  /** Makes a client token by the API, as an admin's script would. */
  const makeClientToken = async (): Promise<string> => {
    const script = `
      const { token } = JSON.parse(require('fs').readFileSync(0, 'utf8'))
      const send = (path, body) => fetch('${PORTAL_URL}/api/v1/' + path, { method: 'POST', body: JSON.stringify(body),
        headers: { authorization: 'Bearer ' + token, 'content-type': 'application/json' } }).then((r) => r.json())
      send('actors', { name: 'Robot', type: 'service_account' })
        .then(({ id }) => send('actors/' + id + '/client_tokens', { name: 'robot', expires_at: null }))
        .then((made) => console.log(made.token))`
    const { stdout } = await machine.mustRun(process.execPath, ['-e', script], { input: JSON.stringify({ token }) })
    return stdout.trim()
  }
})
