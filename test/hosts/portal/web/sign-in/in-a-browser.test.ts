import { expect } from 'chai'
import { mkdir } from 'node:fs/promises'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import { SignIn } from '../../../../../hosts/client/session/sign-in.ts'
import { createRandom } from '../../../../../hosts/runtime/index.ts'
import { Chromium, leastContrast, logInAs, needsChromium } from '../../../../kit/chromium.ts'
import { ForgingProvider } from '../../../../kit/forging-provider.ts'
import { LoopbackServer } from '../../../../kit/loopback-server.ts'
import { codeIn, MailSink } from '../../../../kit/mail-sink.ts'
import { OPENID_CLIENT, OpenidProvider } from '../../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const nonce = '0123456789abcdef'.repeat(4)
const state = 'fedcba9876543210'.repeat(4)
const gui = `as=gui-client&nonce=${nonce}&state=${state}`

describe('sign-in in a real browser', function () {
  this.timeout(300_000)
  let portal: PortalFixture
  let openid: OpenidProvider
  let sink: MailSink
  let ids: { openid: string; email: string }
  let browser: Chromium
  let page: Page
  const servers: { stop: () => Promise<void> }[] = []

  before(async function () {
    needsChromium(this)
    sink = await MailSink.start()
    portal = await PortalFixture.start({
      config: {
        plugins: [
          { use: 'builtin:identity-oidc' },
          { use: 'builtin:condition-remote-ip' },
          { use: 'builtin:condition-identity-provider' },
          { use: 'builtin:condition-client-verified' },
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
    openid = await OpenidProvider.start()
    ids = {
      openid: (await openid.addTo(portal)).id,
      email: (
        await portal.create('/identity_providers', {
          name: 'E-mail',
          type: 'email-otp',
          email_domains: ['example.org'],
        })
      ).id,
    }
    const ada = await portal.create('/actors', { name: 'Ada Example', email: 'ada@example.org' })
    for (const [identity_provider_id, issuer, subject] of [
      [ids.openid, openid.issuer, 'ada'],
      [ids.email, 'email', 'ada@example.org'],
    ])
      await portal.create('/identities', { actor_id: ada.id, identity_provider_id, issuer, subject })
    browser = await Chromium.start()
  })
  after(async () => {
    await browser?.stop()
    await openid?.stop()
    await portal?.stop()
    await sink?.stop()
  })
  beforeEach(async () => {
    page = await browser.page()
  })
  afterEach(async () => {
    await page?.close()
    await browser?.forget()
    for (const server of servers.splice(0)) await server.stop()
  })

  const addProvider = async (name: string, issuer: string): Promise<{ id: string }> =>
    portal.create('/identity_providers', {
      name,
      type: 'oidc',
      settings: { issuer, client_id: OPENID_CLIENT.id, client_secret: OPENID_CLIENT.secret, allow_http: true },
    })

  /** Waits until the browser is sent to an address with a client's own scheme, which nothing on this machine opens. */
  const handoverOf = async (on: Page, act: () => Promise<unknown>): Promise<URL> => {
    const answered = on.waitForResponse((response) => response.url().endsWith('/sign_in/client_redirect'))
    await act()
    await on.getByRole('button', { name: /^Sign in as / }).click()
    return new URL((await (await answered).headerValue('location')) ?? '')
  }

  const enterAddress = async (on: Page, address: string): Promise<string> => {
    const before = sink.mails.length
    await on.getByLabel('E-mail address').fill(address)
    await on.getByRole('button', { name: 'Send the code' }).click()
    await on.getByLabel('Code').waitFor()
    return codeIn(await sink.mail(before))
  }

  it('S1 S2 S3 S6 a sign-in carries state and nonce through the choice of a provider and the provider, to the client’s own scheme', async () => {
    await page.goto(`${portal.url}/example?${gui}&evil=1`)
    expect(await page.title()).to.equal('Sign in to example · Portreeve')
    await page.getByRole('link', { name: 'Example ID' }).click()
    const url = await handoverOf(page, () => logInAs(page, 'ada'))
    expect(url.protocol).to.equal('firezone-fd0020211111:')
    expect(url.searchParams.get('state')).to.equal(state)
    expect(url.searchParams.get('fragment')).to.match(/^\.[\w.-]+$/)
    expect(url.href).not.to.contain('evil').and.not.contain(nonce)
    expect(await page.getByRole('status').textContent()).to.contain('Welcome, Ada Example')
  })

  it('S2 S3 a sign-in says what to do while a provider is dead or slow, and lets everybody in by another', async () => {
    const dead = await LoopbackServer.start((_, response) => response.end())
    await dead.stop()
    await addProvider('Dead ID', dead.url)
    const slow = await LoopbackServer.start(() => undefined)
    servers.push(slow)
    await addProvider('Slow ID', slow.url)
    for (const name of ['Dead ID', 'Slow ID']) {
      await page.goto(`${portal.url}/example?${gui}`)
      await page.getByRole('link', { name }).click()
      expect(await page.getByRole('alert').textContent()).to.match(/cannot be reached|does not answer/)
      expect(await page.getByRole('link', { name: 'Try again' }).isVisible()).to.equal(true)
    }
    await page.getByRole('link', { name: 'Sign in another way' }).click()
    await page.getByRole('link', { name: 'Example ID' }).click()
    expect((await handoverOf(page, () => logInAs(page, 'ada'))).searchParams.get('state')).to.equal(state)
  })

  it('S3 a sign-in by a provider that forges signs nobody in, and tells the person so', async () => {
    const forging = await ForgingProvider.start()
    servers.push(forging)
    await addProvider('Forged ID', forging.issuer)
    for (const lie of ['a-forged-signature', 'a-token-without-a-signature', 'another-nonce'] as const) {
      forging.forgery = lie
      await page.goto(`${portal.url}/example?${gui}`)
      await page.getByRole('link', { name: 'Forged ID' }).click()
      expect(await page.getByRole('heading', { level: 1 }).textContent(), lie).to.equal('You are not signed in')
      expect(await page.getByRole('alert').textContent()).to.contain('could not be verified')
    }
  })

  it('S4 a code from a mail signs in, typed with blanks and in small letters, after a wrong one and a new one', async () => {
    await page.goto(`${portal.url}/example?${gui}`)
    await page.getByRole('link', { name: 'E-mail' }).click()
    const first = await enterAddress(page, ' Ada@Example.org ')
    await page.getByLabel('Code').fill('AAAAAA')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    expect(await page.getByRole('alert').textContent()).to.contain('two attempts left')
    const before = sink.mails.length
    await page.getByRole('button', { name: 'Send a new code' }).click()
    const second = codeIn(await sink.mail(before))
    await page.getByLabel('Code').waitFor()
    await page.getByLabel('Code').fill(first)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    expect(await page.getByRole('alert').textContent()).to.contain('not the code')
    await page.getByLabel('Code').fill(`  ${second.toLowerCase().replace(' ', '  ')} `)
    const url = await handoverOf(page, () => page.getByRole('button', { name: 'Sign in', exact: true }).click())
    expect(url.searchParams.get('state')).to.equal(state)
    expect(await page.getByRole('status').textContent()).to.contain('Welcome, Ada Example')
  })

  it('S4 a code is redeemed only in the browser that asked for it', async () => {
    await portal.create('/actors', { name: 'Grace', email: 'grace@example.org' })
    await page.goto(`${portal.url}/example/sign_in/email-otp/${ids.email}`)
    const code = await enterAddress(page, 'grace@example.org')
    const action = (await page.locator('form').getAttribute('action')) ?? ''
    const signIn = (await page.locator('input[name=sign_in]').getAttribute('value')) ?? ''
    const stolen = await fetch(`${portal.url}${action}`, {
      method: 'POST',
      body: new URLSearchParams({ sign_in: signIn, code }),
    })
    expect(stolen.status).to.equal(400)
    await page.getByLabel('Code').fill(code)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${portal.url}/example/home`)
  })

  it('S4 S7 pasting works, no script and no mouse are needed, and a headless client hears on its loopback address', async () => {
    const scriptless = await Chromium.start({ javaScriptEnabled: false })
    try {
      const tab = await scriptless.page()
      const signIn = await SignIn.begin({ portalUrl: portal.url, account: 'example', random: createRandom() })
      await tab.goto(signIn.url)
      // The keyboard reaches the skip link, the first choice and the second one, in this order.
      await tab.keyboard.press('Tab')
      for (let presses = 0; presses < 10; presses++) {
        const focused = await tab.locator(':focus').textContent()
        if (focused === 'E-mail') break
        await tab.keyboard.press('Tab')
      }
      await tab.keyboard.press('Enter')
      await tab.getByLabel('E-mail address').waitFor()
      const before = sink.mails.length
      await tab.keyboard.type('ada@example.org') // the field has the focus already
      await tab.keyboard.press('Enter')
      await tab.getByLabel('Code').waitFor()
      await tab.keyboard.insertText(`\u00a0${codeIn(await sink.mail(before))}\n`) // a pasted code with white space from a mail around it
      await tab.keyboard.press('Enter')
      await tab.getByRole('heading', { name: 'Sign in the client on this machine?' }).waitFor()
      // The keyboard reaches the skip link, then the answer, which does not have the focus by itself.
      await tab.keyboard.press('Tab')
      await tab.keyboard.press('Tab')
      await tab.keyboard.press('Enter')
      const end = await signIn.ended
      expect(end).to.include({ type: 'signedIn', actor: 'Ada Example', account: 'example' })
      await tab.getByText('You may close this page').waitFor()
      await tab.waitForURL(/^http:\/\/127\.0\.0\.1:\d+\/signed-in$/)
    } finally {
      await scriptless.stop()
    }
  })

  it('S7 a sign-in shows a token to copy where the client is on another machine', async () => {
    await page.goto(`${portal.url}/example?as=headless-client&nonce=${nonce}&state=${state}`)
    await page.getByRole('link', { name: 'Example ID' }).click()
    await logInAs(page, 'ada')
    await page.getByRole('button', { name: 'Show a token for ada@example.org' }).click()
    const token = page.getByLabel('Token')
    await token.waitFor()
    expect(await token.inputValue()).to.match(/^\.[\w.-]+$/)
    for (const width of [360, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      expect(await token.evaluate((area) => area.scrollHeight - area.clientHeight), 'all of it is seen').to.be.at.most(
        0,
      )
    }
  })

  it('S9 sessions are in cookies that no script reads, and end everywhere at once', async () => {
    const home = async (tab: Page): Promise<void> => {
      await tab.goto(`${portal.url}/example`)
      await tab.getByRole('link', { name: 'Example ID' }).click()
      await logInAs(tab, 'ada')
      await tab.waitForURL(`${portal.url}/example/home`)
    }
    await home(page)
    const other = await Chromium.start({ colorScheme: 'dark', timeZone: 'Asia/Kolkata' })
    try {
      const tab = await other.page()
      await home(tab)
      const [cookie] = (await browser.context.cookies()).filter(({ name }) => name === 'portreeve_session')
      expect(cookie).to.include({ httpOnly: true, sameSite: 'Lax', secure: false, path: '/' })
      // A screen reader names a button with the time that stands beside it, in the viewer's zone.
      await tab.goto(`${portal.url}/example/my/sessions`)
      const another = tab
        .getByRole('list', { name: 'In browsers' })
        .getByRole('listitem')
        .filter({ has: tab.getByRole('button') })
      const shown = (await another.first().locator('time').first().textContent()) ?? ''
      expect(shown).to.match(/GMT\+5:30$/)
      const label = await another.first().getByRole('button').getAttribute('aria-label')
      expect(label)
        .to.match(/^End the session of Chrome on Linux since .*GMT\+5:30$/)
        .and.to.include(shown)
      await tab.goBack()
      await page.getByRole('navigation').getByRole('link', { name: 'My sessions' }).click()
      const rows = page.getByRole('list', { name: 'In browsers' }).getByRole('listitem')
      const count = await rows.count()
      expect(count).to.be.at.least(2)
      const foreign = rows.filter({ hasNotText: 'this browser' }).first()
      await tab.screenshot({ path: `${SHOTS}/home-dark.png` })
      await page.screenshot({ path: `${SHOTS}/sessions-light.png`, fullPage: true })
      await foreign.getByRole('button', { name: /^End the session of Chrome on Linux/ }).click()
      for (let ended = 1; (await rows.count()) > 1; ended++) {
        expect(ended).to.be.below(20)
        await rows.filter({ hasNotText: 'this browser' }).first().getByRole('button').click()
      }
      await tab.reload()
      expect(tab.url()).to.match(/\/example\/sign_in/)
      expect(await page.getByText('this browser').isVisible()).to.equal(true)
    } finally {
      await other.stop()
    }
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Yes, sign me out' }).click()
    await page.waitForURL(`${portal.url}/example/sign_in/providers`)
    await page.goto(`${portal.url}/example/home`)
    expect(page.url()).to.contain('/example/sign_in')
  })

  it('P8 a signed-in person is told what she may reach, and why not, by how she signed in too', async () => {
    const site = await portal.create('/sites', { name: 'Main' })
    const group = await portal.create('/groups', { name: 'Staff' })
    const actors = (await portal.api('GET', '/actors?limit=100')).body.data as { id: string; name: string }[]
    const ada = actors.find(({ name }) => name === 'Ada Example')
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada?.id] })
    const add = async (name: string, condition: string, settings: object): Promise<void> => {
      const resource = await portal.create('/resources', {
        name,
        type: 'dns',
        address: `${name.toLowerCase()}.example.org`,
        site_id: site.id,
      })
      const conditions = [{ condition, settings }]
      await portal.create('/policies', { group_id: group.id, resource_id: resource.id, conditions })
    }
    await add('Wiki', 'remote-ip', { ranges: ['127.0.0.0/8'] })
    await add('Payroll', 'remote-ip', { ranges: ['192.0.2.0/24'] })
    await add('Code', 'identity-provider', { operator: 'in', ids: [ids.openid] })
    await add('Mailbox', 'identity-provider', { operator: 'in', ids: [ids.email] })
    await add('Safe', 'client-verified', {})
    await portal.create('/resources', { name: 'Vault', type: 'dns', address: 'vault.example.org', site_id: site.id })
    await page.goto(`${portal.url}/example?redirect_to=/example/my/access`)
    await page.getByRole('link', { name: 'Example ID' }).click()
    await logInAs(page, 'ada')
    await page.waitForURL(`${portal.url}/example/my/access`)
    const rows = page.getByRole('list', { name: 'Resources' }).getByRole('listitem')
    const shown = (await rows.allTextContents()).map((text) => text.replaceAll(/\s+/g, ' ').trim())
    expect(shown.map((text) => /^(\w+) (allowed|not now)/.exec(text)?.slice(1))).to.deep.equal([
      ['Code', 'allowed'],
      ['Mailbox', 'not now'],
      ['Payroll', 'not now'],
      ['Safe', 'not now'],
      ['Wiki', 'allowed'],
    ])
    expect(shown[1]).to.contain('Why not: this policy is for people who sign in another way than you did.')
    expect(shown[2]).to.contain('Why not: your address, 127.0.0.1, is not in the ranges that this policy allows.')
    expect(shown[3]).to.contain('Why not: it depends on your device')
    expect(await page.locator('main').textContent()).to.contain('signed in with Example ID like you here')
    expect(await page.content()).not.to.contain('Vault')
    await page.screenshot({ path: `${SHOTS}/access-light.png`, fullPage: true })
  })

  it('sign-in pages have names for a screen reader, and text of enough contrast in light and in dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.goto(`${portal.url}/example?${gui}`)
      await page.screenshot({ path: `${SHOTS}/choose-${colorScheme}.png` })
      expect(await page.locator('body').ariaSnapshot()).to.contain('heading "Sign in to example" [level=1]')
      expect(await leastContrast(page), `choose, ${colorScheme}`).to.be.at.least(4.5)
      await page.getByRole('link', { name: 'E-mail' }).click()
      await page.getByLabel('E-mail address').fill('nobody@example.org')
      await page.getByRole('button', { name: 'Send the code' }).click()
      await page.getByLabel('Code').fill('AAAAAA')
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByRole('alert').waitFor()
      await page.screenshot({ path: `${SHOTS}/code-${colorScheme}.png` })
      const tree = await page.locator('body').ariaSnapshot()
      expect(tree).to.contain('textbox "Code"')
      expect(tree).to.contain('button "Sign in"').and.contain('button "Send a new code"')
      expect(await page.getByLabel('Code').getAttribute('aria-describedby')).to.equal('problem')
      expect(await page.title()).to.match(/^Problem: /)
      expect(await leastContrast(page), `code, ${colorScheme}`).to.be.at.least(4.5)
    }
    await page.emulateMedia({ colorScheme: 'light' })
  })
})

/** Folder of the pictures for a person to look at. */
const SHOTS = process.env['PORTREEVE_SHOTS'] ?? '/tmp/portreeve-shots'
before(async () => {
  await mkdir(SHOTS, { recursive: true })
})
