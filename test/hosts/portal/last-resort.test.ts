import { expect } from 'chai'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'
import { PortalProcess } from '../../kit/portal-process.ts'

/** Source of an identity provider that breaks its host in the way that its settings name. */
const PLUGIN = `
import { definePlugin, IdentityProviders, z } from 'portreeve'
import { createGunzip } from 'node:zlib'
const FAULTS = {
  timer: () => setTimeout(() => { throw new Error('fault in a timer') }),
  stream: () => void createGunzip().end('no such stream'),
  promise: () => void Promise.reject(new Error('fault in a promise')),
  interval: () => { setInterval(() => undefined, 1_000); throw new Error('holds a timer') },
  throw: () => { throw new Error('fault in the plugin') },
}
class Breaking {
  begin({ settings }) {
    FAULTS[settings.fault]()
    return new Promise(() => undefined)
  }
  proceed() {
    return new Promise(() => undefined)
  }
}
export const plugin = definePlugin({
  name: 'identity-breaking',
  api: 1,
  setup({ provide }) {
    const settings = z.strictObject({ fault: z.enum(Object.keys(FAULTS)) })
    provide(IdentityProviders, 'breaking', { settings, create: () => new Breaking() })
  },
})
`

describe('the portal’s last resort', function () {
  this.timeout(300_000)
  let portal: PortalProcess
  let token: string

  before(async () => {
    portal = await PortalProcess.configure({ plugins: [{ use: 'portreeve-identity-breaking' }] })
    const modules = join(portal.folder, 'node_modules')
    const folder = join(modules, 'portreeve-identity-breaking')
    await mkdir(folder, { recursive: true })
    await symlink(packageRoot(), join(modules, 'portreeve'))
    await symlink(join(packageRoot(), 'node_modules/zod'), join(modules, 'zod'))
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'portreeve-identity-breaking', type: 'module', version: '1.0.0', exports: './index.js' }),
    )
    await writeFile(join(folder, 'index.js'), PLUGIN)
    token = (await portal.init()).token
    await portal.start()
  })
  after(async () => portal.remove())

  for (const fault of ['timer', 'stream', 'promise']) {
    it(`an error in a ${fault} that nobody handles is logged, answers 500 to whoever it is of, and ends nothing`, async () => {
      const made = await fetch(`${portal.url}/api/v1/identity_providers`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: fault, type: 'breaking', settings: { fault } }),
      })
      expect(made.status).to.equal(201)
      const { id } = (await made.json()) as { id: string }
      const answer = await fetch(`${portal.url}/example/sign_in/breaking/${id}`)
      expect(answer.status).to.equal(500)
      expect(await answer.json()).to.include({ code: 'internal' })
      expect(portal.output).to.contain('nobody handled')
      if (fault !== 'stream') expect(portal.output).to.match(/"plugin":"identity-breaking".*nobody handled/)
      expect((await fetch(`${portal.url}/healthz`)).status).to.equal(200)
    })
  }

  it('an identity provider that throws is logged with the plugin’s name and stack once, however often people try, and refuses', async () => {
    const made = await fetch(`${portal.url}/api/v1/identity_providers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'throws', type: 'breaking', settings: { fault: 'throw' } }),
    })
    const { id } = (await made.json()) as { id: string }
    for (let times = 0; times < 3; times++) {
      const answer = await fetch(`${portal.url}/example/sign_in/breaking/${id}`)
      expect(await answer.text()).to.include('does not answer as it should')
    }
    const lines = portal.output.split('\n').filter((line) => line.includes('an identity provider failed'))
    expect(lines).to.have.length(1)
    const line = JSON.parse(lines[0] ?? '') as Record<string, string>
    expect(line).to.include({ level: 'warn', plugin: 'identity-breaking', providerId: id })
    expect(line['reason']).to.equal('Error: fault in the plugin')
    expect(line['stack']).to.match(/identity-breaking\/index\.js/)
  })

  it('a plugin that holds on to a timer does not keep the process from ending', async () => {
    const made = await fetch(`${portal.url}/api/v1/identity_providers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'holds', type: 'breaking', settings: { fault: 'interval' } }),
    })
    const { id } = (await made.json()) as { id: string }
    const answer = await fetch(`${portal.url}/example/sign_in/breaking/${id}`)
    expect(await answer.text()).to.include('does not answer as it should')
    expect(await portal.stop()).to.deep.equal({ code: 0, signal: null })
    await portal.start()
  })
})
