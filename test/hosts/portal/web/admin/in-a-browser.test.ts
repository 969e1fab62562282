import { expect } from 'chai'
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'mocha'
import type { Page } from 'playwright-core'
import { Chromium, needsChromium } from '../../../../kit/chromium.ts'
import { ControlPeer } from '../../../../kit/control-peer.ts'
import { OPENID_CLIENT } from '../../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const SIZES = { phone: { width: 375, height: 740 }, desk: { width: 1_280, height: 800 } } as const

/** Sizes and schemes, and whether axe-core judges: each size and each scheme is judged once, as each judgement takes long. */
const LOOKS = [
  ['phone', 'light', true],
  ['desk', 'dark', true],
  ['phone', 'dark', false],
  ['desk', 'light', false],
] as const

/** Pages with rows on them; capital words stand for the ids of the rows. */
const PATHS = [
  '',
  '/people',
  '/people?q=nobody-at-all',
  '/people/new',
  '/people/ADA',
  '/people/ADA/edit',
  '/people/ADA/delete',
  '/people/add-to-group?id=ADA',
  '/people/disable?id=ADA',
  '/service-accounts',
  '/service-accounts/new',
  '/groups',
  '/groups/new',
  '/groups/GROUP',
  '/groups/GROUP/edit',
  '/groups/GROUP/members',
  '/groups/GROUP/delete',
  '/devices',
  '/devices/DEVICE',
  '/devices/DEVICE/verify',
  '/devices/DEVICE/delete',
  '/sites',
  '/sites/new',
  '/sites/SITE',
  '/sites/SITE/edit',
  '/sites/SITE/deploy',
  '/sites/SITE/delete',
  '/gateways/GATEWAY/delete',
  '/resources',
  '/resources/new',
  '/resources/RESOURCE',
  '/resources/RESOURCE/edit',
  '/resources/RESOURCE/delete',
  '/policies',
  '/policies/new',
  '/policies/POLICY/edit',
  '/policies/POLICY/delete',
  '/explain',
  '/explain?actor=ADA&resource=RESOURCE',
  '/explain?actor=BEN&resource=RESOURCE',
  '/find?q=ada',
  '/simulate',
  '/graph',
  '/dns',
  '/audit',
  '/authorizations',
  '/providers',
  '/providers/new',
  '/providers/PROVIDER/edit',
  '/providers/PROVIDER/delete',
  '/providers/PROVIDER/test',
  '/providers/PROVIDER/enable',
  '/tokens',
  '/tokens/new',
  '/plugins',
  '/settings',
  '/keyboard',
]

describe('pages for admins in a real browser', function () {
  this.timeout(300_000)
  let portal: PortalFixture
  let browser: Chromium
  let page: Page
  let axe: string
  let ids: Record<'ADA' | 'BEN' | 'GROUP' | 'DEVICE' | 'SITE' | 'GATEWAY' | 'RESOURCE' | 'POLICY' | 'PROVIDER', string>
  let adminId: string
  const peers: ControlPeer[] = []
  const complaints: string[] = []

  before(async function () {
    needsChromium(this)
    axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
    portal = await PortalFixture.start()
    await furnish()
    browser = await Chromium.start()
    page = await signedIn(browser)
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(`${page.url()}: ${message.text()}`)
    })
    page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
  })
  beforeEach(() => complaints.splice(0))
  after(async () => {
    await browser?.stop()
    for (const peer of peers) peer.close()
    await portal?.stop()
  })

  const furnish = async (): Promise<void> => {
    const long = 'The-payroll-of-everybody-in-this-company-since-the-year-2001'
    const site = await portal.create('/sites', { name: 'Frankfurt' })
    const group = await portal.create('/groups', { name: `Staff of the company, with a long name` })
    const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    const ben = await portal.create('/actors', { name: 'Ben', email: 'ben@example.org' })
    adminId = (await portal.create('/actors', { name: 'Olga', email: 'olga@example.org', type: 'owner' })).id
    await portal.create('/actors', { name: 'Robot', type: 'service_account' })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada.id] })
    const address = `${long.toLowerCase()}.internal.example.org`
    const resource = await portal.create('/resources', { name: long, type: 'dns', address, site_id: site.id })
    const conditions = [{ condition: 'remote-ip', settings: { ranges: ['127.0.0.0/8'] } }]
    const policy = await portal.create('/policies', { group_id: group.id, resource_id: resource.id, conditions })
    await portal.create('/resources', { name: 'Wiki', type: 'dns', address: 'wiki.example.org', site_id: site.id })
    const provider = await portal.create('/identity_providers', {
      name: 'Example ID',
      type: 'oidc',
      settings: {
        issuer: 'https://id.example.org',
        client_id: OPENID_CLIENT.id,
        client_secret: OPENID_CLIENT.secret,
      },
    })
    for (const [role, path] of [
      ['gateway', `/sites/${site.id}/gateway_tokens`],
      ['client', `/actors/${ada.id}/client_tokens`],
    ] as const) {
      const { token } = await portal.create(path)
      peers.push((await ControlPeer.join({ url: portal.url, role, token, name: `the ${role}` })).peer)
    }
    const first = async (path: string): Promise<string> => (await portal.api('GET', path)).body.data[0].id
    ids = {
      ADA: ada.id,
      BEN: ben.id,
      GROUP: group.id,
      DEVICE: await first('/clients'),
      SITE: site.id,
      GATEWAY: await first('/gateways'),
      RESOURCE: resource.id,
      POLICY: policy.id,
      PROVIDER: provider.id,
    }
  }

  const signedIn = async (by: Chromium): Promise<Page> => {
    const on = await by.page()
    const { code } = await portal.makeEmergencyCode({ adminId })
    await on.goto(`${portal.url}/example/sign_in/emergency`)
    await on.getByLabel('Emergency code').fill(code)
    await on.getByRole('button', { name: 'Sign in' }).click()
    await on.waitForURL(`${portal.url}/example/home`)
    return on
  }

  const open = async (path: string, on = page): Promise<void> => {
    const filled = path.replaceAll(/[A-Z]{3,}/g, (name) => ids[name as keyof typeof ids] ?? name)
    const response = await on.goto(`${portal.url}/example/admin${filled}`)
    expect(response?.status(), path).to.equal(200)
  }

  /** Returns what axe-core finds on the page. */
  const found = async (): Promise<string[]> => {
    await page.evaluate(`window.axe === undefined && (() => { ${axe} })()`)
    const options = `{ resultTypes: ['violations'], preload: false }`
    return page.evaluate<string[]>(
      `axe.run(document, ${options}).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
         nodes.map(({ html, any, all, none }) => id + ': ' + html.slice(0, 200) + ' ' +
           [...any, ...all, ...none].map(({ message }) => message).join('; ').slice(0, 200))))`,
    )
  }

  it('fit a phone and a desk, in light and in dark, without a finding of axe-core or an error of the browser', async () => {
    const findings: Record<string, unknown> = {}
    for (const path of PATHS) {
      await open(path)
      for (const [size, colorScheme, isJudged] of LOOKS) {
        await page.setViewportSize(SIZES[size])
        await page.emulateMedia({ colorScheme })
        await picture(page, `${path.replaceAll(/\W+/g, '-')}-${size}-${colorScheme}`)
        const violations = [...(await page.evaluate<string[]>(SIDEWAYS)), ...(isJudged ? await found() : [])]
        if (violations.length > 0) findings[`${path} ${size} ${colorScheme}`] = violations
      }
    }
    expect(findings).to.deep.equal({})
    expect([...new Set(complaints)]).to.deep.equal([])
  })

  it('show changes by others in place, without a reload, and keep what is typed and ticked', async () => {
    const [cleo, dora] = [
      await portal.create('/actors', { name: 'Cleo' }),
      await portal.create('/actors', { name: 'Dora' }),
    ]
    await open('/people')
    await page.locator('#live', { hasText: 'Live' }).waitFor()
    await page.evaluate('window.isFirst = true')
    await page.locator('#q').fill('typed')
    await page.getByLabel('Select Cleo').check()
    await portal.api('PATCH', `/actors/${cleo.id}`, { name: 'Cleopatra' })
    await page.locator(`#row-${cleo.id} th.is-changed`, { hasText: 'Cleopatra' }).waitFor()
    await portal.create('/actors', { name: 'Emil' })
    await page.locator('#held a', { hasText: '1 more matches' }).waitFor()
    expect(await page.getByText('Emil').count()).to.equal(0)
    await portal.api('DELETE', `/actors/${dora.id}`)
    await page.locator(`#row-${dora.id}.is-gone`, { hasText: /Deleted by .+ at \d\d:\d\d/ }).waitFor()
    expect(await page.locator('#q').inputValue()).to.equal('typed')
    expect(await page.locator(`#row-${cleo.id} input`).isChecked()).to.equal(true)
    expect(await page.evaluate('window.isFirst')).to.equal(true)
    expect(await found()).to.deep.equal([])
    await page.locator('#held a').click()
    await page.getByText('Emil').first().waitFor()
    expect(complaints).to.deep.equal([])
  })

  it('the form of a policy shows who gains while it is filled in, and saves that', async () => {
    await open('/policies/new')
    await page.getByLabel('Group').selectOption(ids.GROUP)
    await page.getByLabel('Resource').selectOption({ label: 'Wiki' })
    await page.locator('#effect', { hasText: 'Ada, Wiki' }).waitFor()
    await page.locator('#confirm', { hasText: '1 person gains access' }).waitFor()
    expect(await found()).to.deep.equal([])
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(`${portal.url}/example/admin/policies`)
    expect((await portal.api('GET', '/policies')).body.data).to.have.length(2)
    expect(complaints).to.deep.equal([])
  })

  it('a policy is found, changed and saved by the keyboard alone', async () => {
    const at = async (selector: string): Promise<void> => {
      for (let steps = 0; steps < 80; steps++) {
        if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return
        await page.keyboard.press('Tab')
      }
      throw new Error(`the keyboard does not reach ${selector}`)
    }
    await open('/policies')
    await at(`#row-${ids.POLICY} a[href$=edit]`)
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/edit$/)
    await at('#f-description')
    const effect = page.waitForResponse((response) => response.request().method() === 'POST')
    await page.keyboard.type('For the auditors')
    await effect
    await page.locator('#confirm', { hasText: 'Nobody gains or loses access' }).waitFor()
    await page.keyboard.press('Control+Enter')
    await page.waitForURL(`${portal.url}/example/admin/policies`)
    expect((await portal.api('GET', `/policies/${ids.POLICY}`)).body.description).to.equal('For the auditors')
    expect(complaints).to.deep.equal([])
  })

  it('keys go to the filter, through the rows and to other pages, and do nothing while something is typed', async () => {
    await open('/people')
    const { keyboard } = page
    await keyboard.press('j')
    await keyboard.press('j')
    await keyboard.press('k')
    const first = page.locator('#rows tr').first()
    expect(await first.locator('th a:focus').count()).to.equal(1)
    await keyboard.press('x')
    expect(await first.locator('input').isChecked()).to.equal(true)
    await keyboard.press('/')
    await keyboard.type('jx?gd')
    expect(await page.locator('#q').inputValue()).to.equal('jx?gd')
    await page.locator('h1').click()
    await keyboard.press('?')
    await page.locator('#keys:popover-open').waitFor()
    expect(await found()).to.deep.equal([])
    await keyboard.press('Escape')
    await page.locator('#keys:not(:popover-open)').waitFor({ state: 'attached' })
    await keyboard.press('g')
    await keyboard.press('g')
    await page.waitForURL(`${portal.url}/example/admin/groups`)
    await keyboard.press('Control+k')
    await keyboard.type('ada')
    await page.locator('#palette #found a', { hasText: 'Ada' }).first().waitFor()
    expect(await found()).to.deep.equal([])
    await keyboard.press('Enter')
    await page.waitForURL(`${portal.url}/example/admin/people/${ids.ADA}`)
    expect(complaints).to.deep.equal([])
  })

  it('single keys do nothing for whoever has switched them off', async () => {
    await open('/keyboard')
    await page.getByLabel('do nothing').check()
    await page.getByRole('button', { name: 'Keep this' }).click()
    await page.locator('body[data-keys=off]').waitFor()
    await page.keyboard.press('?')
    await page.keyboard.press('g')
    await page.keyboard.press('p')
    await page.keyboard.press('Control+k')
    await page.locator('#palette:popover-open').waitFor()
    expect(await page.locator('#keys:popover-open').count()).to.equal(0)
    expect(page.url()).to.equal(`${portal.url}/example/admin/keyboard`)
    await page.keyboard.press('Escape')
    await page.getByLabel('act', { exact: true }).check()
    await page.getByRole('button', { name: 'Keep this' }).click()
    await page.locator('body:not([data-keys])').waitFor()
  })

  it('where two people save the same policy, both versions are shown, and one is chosen by the keyboard', async () => {
    await open('/policies/POLICY/edit')
    const looked = page.waitForResponse((response) => response.request().method() === 'POST')
    await page.locator('#f-description').fill('Mine')
    await looked
    await portal.api('PATCH', `/policies/${ids.POLICY}`, { description: 'Theirs' })
    await page.keyboard.press('Control+Enter')
    await page.getByRole('heading', { name: 'Both versions' }).waitFor()
    await page.getByRole('row', { name: 'Description Theirs Mine' }).waitFor()
    for (const [size, colorScheme] of LOOKS) {
      await page.setViewportSize(SIZES[size])
      await page.emulateMedia({ colorScheme })
      await picture(page, `conflict-${size}-${colorScheme}`)
      expect(await page.evaluate(SIDEWAYS)).to.deep.equal([])
    }
    expect(await found()).to.deep.equal([])
    // The answer's status, 412, is what the browser logs of it.
    complaints.splice(0)
    await page.locator('button.harm').focus()
    await page.keyboard.press('Enter')
    await page.waitForURL(`${portal.url}/example/admin/policies`)
    expect((await portal.api('GET', `/policies/${ids.POLICY}`)).body.description).to.equal('Mine')
    expect(complaints).to.deep.equal([])
  })

  it('a test sign-in that fails opens the step that failed, and says what to set', async () => {
    const settings = { issuer: 'http://127.0.0.1:9', client_id: 'x', client_secret: 'a-secret', allow_http: true }
    await portal.api('PATCH', `/identity_providers/${ids.PROVIDER}`, { settings })
    await open('/providers/PROVIDER/test')
    await page.getByRole('button', { name: 'Begin the test' }).click()
    await page.getByText('It failed here.').waitFor()
    expect(await page.locator('details[open]').textContent()).to.include('provider_unreachable')
    await picture(page, 'test-sign-in-failed')
    expect(await found()).to.deep.equal([])
    expect(complaints).to.deep.equal([])
  })

  it('lists, forms and the difference work without script', async () => {
    // Facts of Ada's device have an end, and the tests before may have taken longer.
    await portal.api('PATCH', `/policies/${ids.POLICY}`, { conditions: [] })
    const scriptless = await Chromium.start({ javaScriptEnabled: false })
    try {
      const tab = await signedIn(scriptless)
      await open('/people', tab)
      await tab.locator('#q').fill('Ada')
      await tab.keyboard.press('Enter')
      await tab.getByText('1 person match').waitFor()
      await open('/policies/POLICY/edit', tab)
      await tab.getByLabel('Disabled').check()
      await tab.getByRole('button', { name: 'Save' }).click()
      await tab.getByRole('status').getByText('1 person loses access').waitFor()
      await tab.getByRole('button', { name: 'Save' }).click()
      await tab.waitForURL(`${portal.url}/example/admin/policies`)
      expect((await portal.api('GET', `/policies/${ids.POLICY}`)).body.is_disabled).to.equal(true)
    } finally {
      await scriptless.stop()
    }
  })
})

// It runs in the page: how far it scrolls sideways, and the elements that stick out of it.
const SIDEWAYS = `(({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth ? [] :
  ['sideways by ' + (scrollWidth - clientWidth) + ' px: ' + [...document.querySelectorAll('body *')]
    .filter((element) => element.getBoundingClientRect().right > clientWidth)
    .map(({ outerHTML }) => outerHTML.slice(0, 100)).join(', ')])(document.documentElement)`

/** Takes a picture for a person to look at, if pictures are wanted. */
const picture = async (page: Page, name: string): Promise<void> => {
  const folder = process.env['PORTREEVE_SHOTS'] ?? ''
  if (folder === '') return
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}
