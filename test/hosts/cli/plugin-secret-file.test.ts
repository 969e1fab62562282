import { expect } from 'chai'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { PortalProcess } from '../../kit/portal-process.ts'

describe('a password file of a plugin', () => {
  let portal: PortalProcess
  before(async () => {
    const smtp = { host: '127.0.0.1', port: 9, user: 'portreeve', password_file: 'smtp-password' }
    const config = { smtp, from: 'Portreeve <portreeve@example.org>' }
    portal = await PortalProcess.configure({ plugins: [{ use: 'builtin:identity-email-otp', config }] })
  })
  after(async () => portal.remove())

  it('a plugin’s password file is relative to the configuration file, and its errors read like those of any other', async function () {
    this.timeout(300_000)
    const path = join(portal.folder, 'smtp-password')
    const missing = await portal.run()
    expect(missing.told).to.include(`SECRET_FILE_MISSING: identity-email-otp: smtp.password_file ${path} is not there`)
    expect(missing.code).to.equal(1)
    await writeFile(path, 'hush\n', { mode: 0o644 })
    expect((await portal.run()).told)
      .to.include('SECRET_FILE_MODE')
      .and.to.include(`chmod 600 ${path}`)
    await chmod(path, 0o600)
    await portal.start()
    expect((await fetch(`${portal.url}/healthz`)).status).to.equal(200)
  })
})
