import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Browser } from '../../kit/browser.ts'
import { PortalProcess } from '../../kit/portal-process.ts'

describe('portreeve portal emergency-code', function () {
  this.timeout(300_000)
  let portal: PortalProcess
  let token: string

  before(async () => {
    portal = await PortalProcess.configure({})
    ;({ token } = await portal.init())
    await portal.start()
  })
  after(async () => portal?.remove())

  const make = async () => portal.run('emergency-code', '--account', 'example')

  /** Reads the address and the code from the command's text. */
  const read = (printed: string) => ({
    url: /^enter +(\S+)$/m.exec(printed)?.[1] ?? '',
    code: /^code +(\S+)$/m.exec(printed)?.[1] ?? '',
  })

  it('emergency-code prints a code that signs its admin in once at the running portal, and is in the audit trail', async () => {
    const { code: ended, printed, told } = await make()
    expect(ended, told).to.equal(0)
    expect(printed).to.match(/^admin +ada@example\.org$/m)
    expect(told).to.match(/good once, until 20.*audit trail/)
    const { url, code } = read(printed)
    // The address may have any port: the configuration does not say which one is public.
    const page = `${portal.url}${new URL(url).pathname}`
    const browser = new Browser()
    expect((await browser.send(page)).status).to.equal(200)
    const signedIn = await browser.send(page, { form: { code } })
    expect([signedIn.status, signedIn.headers.get('location')]).to.deep.equal([302, '/example/home'])
    const home = await browser.send(`${portal.url}/example/home`)
    expect(home.status).to.equal(200)
    expect(await home.text()).to.contain('ada@example.org')

    const again = await new Browser().send(page, { form: { code } })
    expect(again.status).to.equal(403)
    expect(await again.text()).to.contain('This is not a live code')

    const trail = await fetch(`${portal.url}/api/v1/audit_log?limit=100`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const { data } = (await trail.json()) as { data: { kind: string; action: string; by: object; details: object }[] }
    const events = data.filter(({ kind }) => kind === 'sign_in').map(({ action }) => action)
    expect(events).to.deep.equal(['refused', 'signed_in', 'emergency_code_made'])
    expect(data.find(({ action }) => action === 'emergency_code_made')).to.deep.include({
      by: { type: 'system', part: 'command-line' },
    })
    // The code appears only on the terminal of its requester.
    expect(JSON.stringify(data)).not.to.contain(code)
    expect(portal.output).not.to.contain(code)
  })

  it('emergency-code prints one JSON document for scripts', async () => {
    const { printed } = await portal.runHere('emergency-code', '--account', 'example', '--json')
    expect(JSON.parse(printed)).to.have.all.keys('account', 'admin', 'url', 'code', 'expires_at')
  })

  it('emergency-code says which account or admin it does not find', async () => {
    const unknown = await portal.runHere('emergency-code', '--account', 'elsewhere')
    expect(unknown).to.include({ code: 1, printed: '' })
    expect(unknown.told).to.match(/ACCOUNT_UNKNOWN: There is no enabled account elsewhere/)
    const nobody = await portal.runHere('emergency-code', '--account', 'example', '--admin-email', 'eve@example.org')
    expect(nobody.told).to.match(/ADMIN_UNKNOWN/)
  })

  it('emergency-code refuses where the rows are not to be had, says why, and makes no database of its own', async () => {
    const elsewhere = await PortalProcess.configure({})
    try {
      const missing = await elsewhere.runHere('emergency-code', '--account', 'example')
      expect(missing).to.include({ code: 1, printed: '' })
      expect(missing.told).to.match(
        /DATABASE_MISSING: There is no database .*portal\.sqlite\. Run this on the portal’s own/,
      )

      const state = join(elsewhere.folder, 'state')
      await mkdir(state, { recursive: true, mode: 0o700 })
      await writeFile(join(state, 'portal.sqlite'), 'this is no database\n'.repeat(100))
      const broken = await elsewhere.runHere('emergency-code', '--account', 'example')
      expect(broken).to.include({ code: 1, printed: '' })
      expect(broken.told).to.match(/^portreeve: DATABASE_UNUSABLE: The database .* cannot be used: .*SQLITE_NOTADB/)

      await elsewhere.write({ database: { driver: 'pg', host: elsewhere.folder } })
      const down = await elsewhere.runHere('emergency-code', '--account', 'example')
      expect(down).to.include({ code: 4, printed: '' })
      expect(down.told).to.match(/^portreeve: DATABASE_UNREACHABLE: PostgreSQL in \S+ cannot be reached: .*ENOENT/)

      // The key belongs to the rows: a command that cannot read it does not run on the portal's machine.
      await rm(join(state, 'portal.sqlite'))
      await writeFile(join(state, 'portal.sqlite'), '')
      await chmod(join(state, 'secret-key'), 0o644)
      await elsewhere.write({})
      expect((await elsewhere.runHere('emergency-code', '--account', 'example')).told).to.match(/SECRET_KEY_EXPOSED/)
    } finally {
      await elsewhere.remove()
    }
  })
})
