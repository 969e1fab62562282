import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { stringify } from 'yaml'
import type { ClientStatus } from '../../hosts/client/session/client-status.ts'
import type { CommandResult } from '../../hosts/lab/command.ts'
import { eventually } from '../../hosts/lab/eventually.ts'
import { Namespace } from '../../hosts/lab/namespace.ts'
import { PortalApi } from '../../hosts/lab/portal-api.ts'
import type { Part } from '../../hosts/lab/part.ts'
import { labProgram, portreeve } from '../../hosts/lab/program.ts'
import type { Journey } from '../../hosts/lab/program/browser.ts'
import { registerCallback } from '../../hosts/lab/register-callback.ts'
import { RunDirectory } from '../../hosts/lab/run-directory.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { PATIENCE_MS } from '../kit/patience.ts'

const PORTAL_URL = 'http://127.0.0.1:8080'
const ISSUER = 'http://127.0.0.1:9000'
const CLIENT = { id: 'portreeve', secret: 'a secret of this test' }

describe('portreeve client sign-in, on the kernel', function () {
  needsKernel()
  this.timeout(240_000)
  let run: RunDirectory
  let machine: Namespace
  let client: Part
  let clientFile: string
  let env: Record<string, string>

  const portreeveOn = (...args: string[]): Promise<CommandResult> =>
    machine.run(process.execPath, portreeve(...args), { env })
  const status = async (): Promise<{ code: number | null; status: ClientStatus }> => {
    const { code, stdout } = await portreeveOn('client', 'status', '--json')
    return { code, status: JSON.parse(stdout) as ClientStatus }
  }
  const kept = (): string => join(run.path, 'client', 'token')

  before(async () => {
    run = await RunDirectory.open()
    machine = await Namespace.create(run, 'machine')
    const portalFile = await run.write(
      'portal.yaml',
      stringify({
        listen: { port: 8080 },
        public_url: PORTAL_URL,
        state_folder: join(run.path, 'portal'),
        private_networks: ['127.0.0.1'],
        plugins: [{ use: 'builtin:identity-oidc' }],
      }),
    )
    clientFile = await run.write(
      'client.yaml',
      stringify({
        portal_url: PORTAL_URL,
        account: 'example',
        state_folder: 'client',
        dns: 'none',
        plugins: ['transport-wireguard', 'resolver-system'].map((plugin) => ({ use: `builtin:${plugin}` })),
      }),
    )
    env = { PORTREEVE_SOCKET: join(run.path, 'client.sock') }
    const init = ['--config', portalFile, '--account', 'example', '--admin-email', 'ada@example.org', '--json']
    const { stdout } = await machine.mustRun(process.execPath, portreeve('portal', 'init', ...init))
    const portal = machine.spawn(process.execPath, portreeve('portal', '--config', portalFile), { name: 'portal' })
    const provider = machine.spawn(process.execPath, labProgram('identity-provider'), {
      name: 'provider',
      input: JSON.stringify({ issuer: ISSUER, address: '127.0.0.1', port: 9000, client: CLIENT }),
    })
    await Promise.all([
      portal.line((line) => line.startsWith('portal: listening')),
      provider.line((line) => line === 'ready'),
    ])
    const { token } = JSON.parse(stdout) as { token: string }
    const added = await new PortalApi({ machine, url: PORTAL_URL, token }).create('identity_providers', {
      name: 'Example login',
      type: 'oidc',
      settings: { issuer: ISSUER, client_id: CLIENT.id, client_secret: CLIENT.secret, allow_http: true },
      is_default: true,
    })
    await registerCallback(machine, ISSUER, String(added['callback_url']))
    client = machine.spawn(process.execPath, portreeve('client', 'up', '--config', clientFile), { name: 'client', env })
    await client.line((line) => line.includes('portreeve client sign-in'))
  })
  after(async () => {
    await run.close()
  })

  it('a client without a token is signed out: status says so and ends with 3', async () => {
    const before = await status()
    expect(before.code).to.equal(3)
    expect(before.status).to.include({ state: 'signed_out', account: null, actor: null, lane: null })
  })

  it('S7 a sign-in goes by a browser to a real provider and back to the loopback address, and the client connects', async () => {
    const { code, stdout } = await portreeveOn('client', 'sign-in', '--json')
    expect(code).to.equal(0)
    const { url } = JSON.parse(stdout) as { url: string }
    const input = JSON.stringify({ url, answers: { login: 'ada', password: 'anything' } })
    const walked = await machine.mustRun(process.execPath, labProgram('browser'), { input })
    const { hops, final, page } = JSON.parse(walked.stdout) as Journey
    expect(hops.some((hop) => hop.includes(ISSUER))).to.equal(true)
    expect(final).to.match(/^http:\/\/127\.0\.0\.1:\d+\/signed-in$/)
    expect(page).to.include('You are signed in')
    const signedIn = await eventually(
      async () => {
        const now = await status()
        return now.code === 0 ? now.status : undefined
      },
      { what: `the client is connected: ${client.output}`, timeoutMs: PATIENCE_MS },
    )
    expect(signedIn).to.include({ state: 'connected', account: 'example', actor: 'ada@example.org' })
  })

  it('S5 S8 a client keeps the whole token in a 0600 file, and shows it nowhere', async () => {
    expect((await stat(kept())).mode & 0o777).to.equal(0o600)
    const token = (await readFile(kept(), 'utf8')).trim()
    expect(token).to.match(/^[0-9a-f]{64}\./)
    expect(client.output).not.to.include(token.slice(65))
    const again = await portreeveOn('client', 'sign-in')
    expect(again.code).to.equal(1)
    expect(again.stderr).to.include('SIGNED_IN')
  })

  it('a sign-out forgets the token, and the client waits for the next sign-in', async () => {
    const { code, stdout } = await portreeveOn('client', 'sign-out', '--json')
    expect([code, JSON.parse(stdout)]).to.deep.equal([0, { state: 'signed_out', revoked: true, problem: null }])
    await eventually(async () => ((await status()).code === 3 ? true : undefined), {
      what: 'it is signed out',
      timeoutMs: PATIENCE_MS,
    })
    expect(await stat(kept()).catch((error: NodeJS.ErrnoException) => error.code)).to.equal('ENOENT')
    expect((await portreeveOn('client', 'down')).code).to.equal(0)
    expect(await client.ended).to.deep.equal({ code: 0, signal: null })
  })
})
