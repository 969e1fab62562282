import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { HOUR, MINUTE } from '../../../../../core/runtime/time.ts'
import { Browser } from '../../../../kit/browser.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'
import { VirtualClock } from '../../../../kit/virtual-clock.ts'

describe('the emergency code of an admin', () => {
  let portal: PortalFixture
  let clock: VirtualClock

  before(async () => {
    clock = new VirtualClock()
    portal = await PortalFixture.start({ clock })
  })
  after(async () => portal.stop())

  const enter = async (code: string, browser = new Browser()): Promise<Response> =>
    browser.send(`${portal.url}/example/sign_in/emergency`, { form: { code } })

  it('an emergency code lets an admin in once, by a session of an hour that can make an API token for that hour, and is written down', async () => {
    const { code, url, admin } = await portal.makeEmergencyCode()
    expect(url).to.match(/\/example\/sign_in\/emergency$/)
    expect(admin.email).to.equal('admin@example.org')
    const browser = new Browser()
    expect((await browser.send(`${portal.url}/example/sign_in/emergency`)).status).to.equal(200)
    const response = await enter(` ${code.toLowerCase().replaceAll('-', ' ')} `, browser)
    expect(response.status).to.equal(302)
    expect(response.headers.get('location')).to.equal('/example/home')
    const page = await (await browser.send(`${portal.url}/example/my/sessions`)).text()
    const csrf = /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? ''
    const made = await browser.send(`${portal.url}/example/my/api_tokens`, {
      form: { csrf, name: 'Repair', days: '1' },
    })
    const shown = await made.text()
    expect(shown).to.match(/emergency code, it is good until [\d-]+ [\d:]+ UTC only/)
    const token = /<textarea[^>]*>([^<]+)</.exec(shown)?.[1] ?? ''
    expect((await portal.api('GET', '/identity_providers', undefined, token)).status).to.equal(200)
    expect((await enter(code)).status, 'a second time').to.equal(403)

    const trail = (await portal.api('GET', '/audit_log?limit=100')).body.data as { kind: string; action: string }[]
    const events = trail.filter(({ kind }) => kind === 'sign_in').map(({ action }) => action)
    expect(events).to.include.members(['emergency_code_made', 'signed_in', 'refused'])

    // A token of a person that this token makes by the API ends with it, too, for generations; a gateway has to stay.
    const end = new Date(clock.unix() + HOUR).toISOString()
    const robot = await portal.create('/actors', { type: 'service_account', name: 'CI' })
    const site = await portal.create('/sites', { name: 'Berlin' })
    const year = { expires_at: new Date(clock.unix() + 8_760 * HOUR).toISOString() }
    const make = async (path: string, by: string, body: object = {}) => {
      const { status, body: shown } = await portal.api('POST', path, body, by)
      expect(status, path).to.equal(201)
      return shown as { id: string; token: string; expires_at: string | null }
    }
    const children = []
    for (const [path, body] of [
      [`/actors/${portal.admin.id}/api_tokens`, {}],
      [`/actors/${portal.admin.id}/api_tokens`, year],
      [`/actors/${robot.id}/api_tokens`, {}],
      [`/actors/${robot.id}/client_tokens`, year],
      [`/actors/${portal.admin.id}/client_tokens`, {}],
    ] as const) {
      const child = await make(path, token, body)
      expect(child.expires_at, path).to.equal(end)
      const row = (await portal.api('GET', `/tokens/${child.id}`)).body as object
      expect(row).to.include({ expires_at: end, is_emergency: true })
      children.push(child)
    }
    const grandchild = await make(`/actors/${robot.id}/api_tokens`, children[0]?.token ?? '')
    expect(grandchild.expires_at).to.equal(end)
    const soon = { expires_at: new Date(clock.unix() + MINUTE).toISOString() }
    expect((await make(`/actors/${robot.id}/api_tokens`, token, soon)).expires_at).to.equal(soon.expires_at)
    expect((await make(`/sites/${site.id}/gateway_tokens`, token)).expires_at).to.equal(null)

    clock.advance(HOUR + 1)
    for (const { token: child } of [...children.slice(0, 3), grandchild])
      expect((await portal.api('GET', '/sites', undefined, child)).status, 'a token that its token made').to.equal(401)
    expect((await browser.send(`${portal.url}/example/home`)).status, 'an hour later').to.equal(302)
    expect((await portal.api('GET', '/identity_providers', undefined, token)).status, 'its token').to.equal(401)
  })

  it('an emergency code is over after ten minutes, and after a newer one', async () => {
    const late = await portal.makeEmergencyCode()
    clock.advance(10 * MINUTE)
    expect((await enter(late.code)).status).to.equal(403)
    const older = await portal.makeEmergencyCode()
    const newer = await portal.makeEmergencyCode()
    expect((await enter(older.code)).status).to.equal(403)
    expect((await enter(newer.code)).status).to.equal(302)
  })

  it('an emergency code stays good while a stranger guesses: of 93 bits, it needs no counting that would lock the admin out', async () => {
    const { code } = await portal.makeEmergencyCode()
    for (let guess = 0; guess < 10; guess++) expect((await enter(`GUESS-${guess}`)).status).to.equal(403)
    expect((await enter(code)).status).to.equal(302)
  })

  it('an emergency code is good once, of several at the same time', async () => {
    const { code } = await portal.makeEmergencyCode()
    const answers = await Promise.all(Array.from({ length: 4 }, () => enter(code)))
    expect(answers.filter(({ status }) => status === 302)).to.have.length(1)
  })

  it('an emergency code is for an enabled admin of that account only', async () => {
    const { code } = await portal.makeEmergencyCode()
    const other = await portal.addAccount('other')
    const elsewhere = await new Browser().send(`${portal.url}/other/sign_in/emergency`, { form: { code } })
    expect(elsewhere.status).to.equal(403)
    expect(other.account.slug).to.equal('other')
    const unknown = await portal
      .makeEmergencyCode({ adminEmail: 'nobody@example.org' })
      .catch((error: unknown) => error)
    expect(unknown).to.include({ code: 'ADMIN_UNKNOWN' })
  })
})
