import { expect } from 'chai'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { PortalFixture } from '../../kit/portal-fixture.ts'

describe('portal init', () => {
  let portal: PortalFixture
  before(async () => {
    portal = await PortalFixture.start({ plugins: [] })
  })
  after(async () => portal.stop())

  it('portal init makes an account, its admin and a token, which a running portal takes', async () => {
    const made = await portal.addAccount('second')
    expect(made.account.slug).to.equal('second')
    const { body } = await portal.api('GET', '/actors', undefined, made.token)
    expect(body.data).to.have.length(1)
    expect(body.data[0]).to.include({ id: made.admin.id, type: 'owner', email: made.admin.email })
    expect((await fetch(`${portal.url}/second/sign_in`)).status).to.equal(200)
  })

  it('portal init keeps the database from other users of the machine', async function () {
    if ((process.env['PORTREEVE_TEST_POSTGRES'] ?? '') !== '') this.skip() // it is no file there
    const names = await readdir(portal.stateFolder)
    expect(names).to.include.members(['portal.sqlite', 'secret-key'])
    for (const name of names) expect((await stat(join(portal.stateFolder, name))).mode & 0o077, name).to.equal(0)
  })

  it('portal init refuses a slug that is taken, reserved or malformed', async () => {
    const codeOf = async (slug: string): Promise<unknown> =>
      portal.addAccount(slug).catch((error: unknown) => (error as { code: string }).code)
    expect(await codeOf('example')).to.equal('ACCOUNT_EXISTS')
    for (const slug of ['api', 'auth', 'Example', 'a', 'a/b', '', '-a', 'a'.repeat(64)]) {
      expect(await codeOf(slug), slug).to.equal('ACCOUNT_INVALID')
    }
  })
})
