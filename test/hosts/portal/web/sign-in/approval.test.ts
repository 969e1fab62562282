import { expect } from 'chai'
import { after, before, beforeEach, describe, it } from 'mocha'
import { MINUTE } from '../../../../../core/runtime/time.ts'
import { Browser } from '../../../../kit/browser.ts'
import { fieldOf } from '../../../../kit/mail-sign-in.ts'
import { isCallback, OpenidProvider, type AddedProvider } from '../../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'
import { VirtualClock } from '../../../../kit/virtual-clock.ts'

const nonce = '0123456789abcdef'.repeat(4)
const state = 'fedcba9876543210'.repeat(4)
const WAYS = {
  'a client with a window': `as=gui-client&nonce=${nonce}&state=${state}`,
  'a headless client, by a shown token': `as=headless-client&nonce=${nonce}&state=${state}`,
  'a headless client, by loopback': `as=headless-client&nonce=${nonce}&state=${state}&callback=${encodeURIComponent('http://127.0.0.1:4711/')}`,
}

describe('S13 a native client gets a token once a person has said yes', () => {
  let clock: VirtualClock
  let portal: PortalFixture
  let openid: OpenidProvider
  let provider: AddedProvider
  let browser: Browser

  before(async () => {
    clock = new VirtualClock({ startUnix: Date.now() })
    portal = await PortalFixture.start({ clock })
    openid = await OpenidProvider.start()
    provider = await openid.addTo(portal, { is_default: true })
    await portal.create('/actors', { name: 'Ada Example', email: 'ada@example.org' })
  })
  after(async () => {
    await openid.stop()
    await portal.stop()
  })
  beforeEach(() => {
    browser = new Browser()
  })

  const tokens = async (): Promise<number> => (await portal.api('GET', '/tokens?limit=100')).body.data.length
  /** Follows a link in a browser that is signed in at the provider; returns the page. */
  const follow = async (query: string, by = browser): Promise<Response> =>
    by.send(await by.follow(`${portal.url}/example?${query}`, { until: isCallback, login: 'ada' }))
  const approve = async (page: string, by = browser, headers = {}): Promise<Response> =>
    by.send(`${portal.url}/example/sign_in/approve`, { form: { sign_in: fieldOf(page, 'sign_in') }, headers })

  /** Details of the refusal with this reason in the audit trail: records of one moment have no order. */
  const refusal = async (reason: string): Promise<object | undefined> => {
    const { body } = await portal.api('GET', '/audit_log?limit=100&kind=sign_in')
    return (body.data as { details: { reason: string } }[])
      .map(({ details }) => details)
      .find((each) => each.reason === reason)
  }

  for (const [what, query] of Object.entries(WAYS)) {
    it(`S13 approval is asked for ${what}: a link makes none, and the page names account and person`, async () => {
      const before = await tokens()
      const asked = await follow(query)
      expect(asked.status).to.equal(200)
      const page = await asked.text()
      for (const told of ['ada@example.org', 'Ada Example', 'example', 'Not you?', 'Sign in another way'])
        expect(page).to.contain(told)
      expect(page).not.to.match(/fragment|http-equiv="refresh"/)
      expect(asked.headers.get('content-security-policy')).to.contain("frame-ancestors 'none'")
      expect(asked.headers.get('x-frame-options')).to.match(/deny|sameorigin/i)
      expect(asked.headers.get('cache-control')).to.equal('no-store')
      for (const method of ['GET', 'HEAD'])
        await browser.send(`${portal.url}/example/sign_in/approve?sign_in=${fieldOf(page, 'sign_in')}`, { method })
      expect(await tokens()).to.equal(before)
      expect((await approve(page)).status).to.equal(200)
      expect(await tokens()).to.equal(before + 1)
      expect((await approve(page)).status, 'a second time').to.equal(400)
      expect(await tokens()).to.equal(before + 1)
    })
  }

  it('S13 an approval from another site, another browser, a guess, or another account is none', async () => {
    const before = await tokens()
    const page = await (await follow(WAYS['a client with a window'])).text()
    for (const site of ['cross-site', 'same-site'])
      expect((await approve(page, browser, { 'sec-fetch-site': site })).status).to.equal(403)
    expect((await approve(page, new Browser())).status).to.equal(400)
    expect((await approve('name="sign_in" value="guessed"')).status).to.equal(400)
    await portal.addAccount('other')
    const form = { sign_in: fieldOf(page, 'sign_in') }
    expect((await browser.send(`${portal.url}/other/sign_in/approve`, { form })).status).to.equal(400)
    expect(await tokens()).to.equal(before)
  })

  it('S13 an approval after five minutes is none', async () => {
    const page = await (await follow(WAYS['a client with a window'])).text()
    clock.advance(5 * MINUTE)
    expect((await approve(page)).status).to.equal(400)
  })

  it('S13 approvals of several questions in tabs are independent', async () => {
    const first = await (await follow(WAYS['a client with a window'])).text()
    const second = await (await follow(WAYS['a headless client, by a shown token'])).text()
    expect(await (await approve(first)).text()).to.contain('The client continues by itself')
    expect(await (await approve(second)).text()).to.contain('<textarea id="token"')
  })

  it('S13 approval is asked for after an emergency code as well', async () => {
    const { code } = await portal.makeEmergencyCode()
    const form = { code, as: 'headless-client', nonce, state }
    const before = await tokens()
    const page = await (await browser.send(`${portal.url}/example/sign_in/emergency`, { form })).text()
    expect(page).to.contain('admin@example.org')
    expect(await tokens()).to.equal(before)
    expect(await (await approve(page)).text()).to.contain('<textarea id="token"')
  })

  it('S13 an approval page leads somebody else to another account of the provider, in the same sign-in', async () => {
    const page = await (await follow(WAYS['a client with a window'])).text()
    const other = /href="([^"]*other_account=yes)"/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? ''
    expect(other).to.contain(state)
    const answer = await browser.send(new URL(other, portal.url).href)
    const url = new URL(answer.headers.get('location') ?? '')
    expect(url.searchParams.get('prompt')).to.be.oneOf(['select_account', 'login'])
  })

  it('S14 a person without an actor can take another account, and admins read whom to link', async () => {
    const refused = await browser.send(
      await browser.follow(`${portal.url}/example?${WAYS['a client with a window']}`, {
        until: isCallback,
        login: 'eve',
      }),
    )
    expect(refused.status).to.equal(403)
    expect(await refused.text())
      .to.contain('eve@example.org')
      .and.contain('other_account=yes')
    const identity = { issuer: openid.issuer, subject: 'eve', email: 'eve@example.org', email_verified: true }
    expect(await refusal('unknown_person')).to.deep.include({ identity })
    expect(portal.logger.lines.find(({ message }) => message === 'sign-in refused'))
      .to.have.property('fields')
      .that.includes({
        code: 'unknown_person',
        issuer: openid.issuer,
        subject: 'eve',
        email: 'eve@example.org',
      })
    expect(provider.id).to.match(/-/)
  })

  it('S14 the page says so where a provider does not vouch for an address', async () => {
    const refused = await browser.send(
      await browser.follow(`${portal.url}/example?${WAYS['a client with a window']}`, {
        until: isCallback,
        login: 'unverified',
      }),
    )
    expect(await refused.text()).to.contain('does not vouch for unverified@example.org')
    expect(await refusal('address_not_vouched')).to.have.nested.property('identity.email_verified', false)
  })
})
