import { expect } from 'chai'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import { Chromium, leastContrast, needsChromium } from '../../../../kit/chromium.ts'
import { LoopbackServer } from '../../../../kit/loopback-server.ts'
import { MailSink } from '../../../../kit/mail-sink.ts'
import { OPENID_CLIENT } from '../../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

/** Opens one page of the portal in the way that a person comes to it. */
type Visit = (page: Page) => Promise<unknown>

const SIZES = { phone: { width: 360, height: 740 }, desk: { width: 1_000, height: 760 } } as const

describe('every page, on a phone and on a desk, in light and in dark', function () {
  this.timeout(300_000)
  let portal: PortalFixture
  let sink: MailSink
  let browser: Chromium
  let page: Page
  let visits: Record<string, Visit>

  before(async function () {
    needsChromium(this)
    sink = await MailSink.start()
    portal = await PortalFixture.start({
      config: {
        plugins: [
          { use: 'builtin:identity-oidc' },
          { use: 'builtin:condition-remote-ip' },
          { use: 'builtin:selector-random' },
          {
            use: 'builtin:identity-email-otp',
            config: {
              smtp: { host: '127.0.0.1', port: sink.port, tls: 'never' },
              from: 'Portreeve <portreeve@example.org>',
            },
          },
        ],
      },
    })
    await furnish()
    browser = await Chromium.start()
    page = await browser.page()
    const { code } = await portal.makeEmergencyCode()
    await page.goto(`${portal.url}/example/sign_in/emergency`)
    await page.getByLabel('Emergency code').fill(code)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(`${portal.url}/example/home`)
  })
  after(async () => {
    await browser?.stop()
    await portal?.stop()
    await sink?.stop()
  })

  const furnish = async (): Promise<void> => {
    const gone = await LoopbackServer.start((_, response) => response.end())
    await gone.stop()
    const settings = { client_id: OPENID_CLIENT.id, client_secret: OPENID_CLIENT.secret, allow_http: true }
    const dead = await portal.create('/identity_providers', {
      name: 'The identity provider of a company with a long name',
      type: 'oidc',
      settings: { ...settings, issuer: gone.url },
    })
    const email = await portal.create('/identity_providers', { name: 'E-mail', type: 'email-otp' })
    const site = await portal.create('/sites', { name: 'Main' })
    const group = await portal.create('/groups', { name: 'Staff' })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [portal.admin.id] })
    for (const [name, range] of [
      ['Wiki', '127.0.0.0/8'],
      ['The-payroll-of-everybody-in-this-company-since-the-year-2001', '192.0.2.0/24'],
    ]) {
      const address = `${name?.toLowerCase().slice(0, 60)}.internal.example.org`
      const resource = await portal.create('/resources', { name, type: 'dns', address, site_id: site.id })
      const conditions = [{ condition: 'remote-ip', settings: { ranges: [range] } }]
      await portal.create('/policies', { group_id: group.id, resource_id: resource.id, conditions })
    }
    await portal.create(`/actors/${portal.admin.id}/client_tokens`, { name: 'The laptop at home, with a long name' })
    let strangers = 0 // an address is sent three codes at most
    const at = (path: string) => async (on: Page) => on.goto(`${portal.url}${path}`)
    visits = {
      account: at('/'),
      choose: at('/example/sign_in/providers'),
      address: at(`/example/sign_in/email-otp/${email.id}`),
      code: async (on) => {
        await on.goto(`${portal.url}/example/sign_in/email-otp/${email.id}`)
        await on.getByLabel('E-mail address').fill(`nobody-${++strangers}@example.org`)
        await on.getByRole('button', { name: 'Send the code' }).click()
        await on.getByLabel('Code').fill('AAAAAA')
        await on.getByRole('button', { name: 'Sign in', exact: true }).click()
        await on.getByRole('alert').waitFor()
      },
      'provider-down': at(`/example/sign_in/oidc/${dead.id}`),
      'not-found': at('/nobody'),
      'bad-request': at('/example?as=gui-client'),
      emergency: at('/example/sign_in/emergency'),
      'emergency-refused': async (on) => {
        await on.goto(`${portal.url}/example/sign_in/emergency`)
        await on.getByLabel('Emergency code').fill('WRONG')
        await on.getByRole('button', { name: 'Sign in' }).click()
        await on.getByRole('alert').waitFor()
      },
      approve: async (on) => {
        const { code } = await portal.makeEmergencyCode()
        await on.goto(`${portal.url}/example/sign_in/emergency?as=headless-client&nonce=${'a'.repeat(64)}&state=b`)
        await on.getByLabel('Emergency code').fill(code)
        await on.getByRole('button', { name: 'Sign in' }).click()
        await on.getByRole('button', { name: 'Show a token for' }).waitFor()
      },
      home: at('/example/home'),
      access: at('/example/my/access'),
      sessions: at('/example/my/sessions'),
      token: async (on) => {
        await on.goto(`${portal.url}/example/my/sessions`)
        await on.getByRole('textbox', { name: 'Name' }).fill('A script')
        await on.getByRole('button', { name: 'Create the token' }).click()
        await on.getByLabel('Token', { exact: true }).waitFor()
      },
    }
  }

  for (const colorScheme of ['light', 'dark'] as const)
    for (const size of ['phone', 'desk'] as const)
      it(`S9 every page can be read and used, and has a token in each form of a session, ${colorScheme}, ${size}`, async () => {
        await page.setViewportSize(SIZES[size])
        await page.emulateMedia({ colorScheme })
        for (const [name, visit] of Object.entries(visits)) {
          await visit(page)
          await picture(page, `${name}-${colorScheme}-${size}`)
          expect(await leastContrast(page), `${name}: contrast, WCAG 2.2 §1.4.3`).to.be.at.least(4.5)
          expect(await page.evaluate<number>(OVERFLOW), `${name}: sideways, WCAG 2.2 §1.4.10`).to.be.at.most(0)
          expect(await page.evaluate<string[]>(SMALL_TARGETS), `${name}: targets, WCAG 2.2 §2.5.8`).to.deep.equal([])
          expect(await page.getByRole('heading', { level: 1 }).count(), `${name}: one title`).to.equal(1)
          expect(await page.evaluate<number>(FORMS_WITHOUT_TOKEN), `${name}: S9 a token in each form`).to.equal(0)
          const [alert] = await page.getByRole('alert').allTextContents()
          // An error text is followed by the next step, here or on the next page.
          if (alert !== undefined) expect(alert, name).to.match(/Check|Begin|Try|Make|attempts left/)
          expect(await page.title()).to.match(/ · Portreeve$/)
        }
      })
})

// These run in the page. Links in a sentence are as high as its line, which the criterion allows.
const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
const SMALL_TARGETS = `[...document.querySelectorAll('a[href]:not(.skip):not(p a), button, input:not([type=hidden]), select')]
  .filter((element) => element.getBoundingClientRect().height < 24)
  .map((element) => element.outerHTML)`

/** Number of forms without a token on pages of a session, which are those that have a menu. */
const FORMS_WITHOUT_TOKEN = `document.querySelector('nav') === null ? 0 : [...document.querySelectorAll('form')]
  .filter((form) => form.method !== 'post' || (form.querySelector('input[name=csrf]')?.value.length ?? 0) < 20).length`

/** Takes a picture for a person to look at, if pictures are wanted. */
const picture = async (page: Page, name: string): Promise<void> => {
  const folder = process.env['PORTREEVE_SHOTS'] ?? ''
  if (folder === '') return
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}
