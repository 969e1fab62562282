import { expect } from 'chai'
import { after, before, beforeEach, describe, it } from 'mocha'
import { Browser } from '../../../../kit/browser.ts'
import { askForMailedCode, fieldOf } from '../../../../kit/mail-sign-in.ts'
import { MailSink } from '../../../../kit/mail-sink.ts'
import { isCallback, OpenidProvider, type AddedProvider } from '../../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const nonce = '0123456789abcdef'.repeat(4)
const state = 'fedcba9876543210'.repeat(4)
const CLIENT = `as=headless-client&nonce=${nonce}&state=${state}`

describe('S11 what somebody signed in to ends with what it rests on', () => {
  let sink: MailSink
  let portal: PortalFixture
  let openid: OpenidProvider
  let mail: { id: string }
  let id: AddedProvider
  let ada: { id: string }
  let people = 0

  before(async () => {
    sink = await MailSink.start()
    const smtp = { host: '127.0.0.1', port: sink.port, tls: 'never' }
    portal = await PortalFixture.start({
      config: {
        plugins: [
          { use: 'builtin:identity-oidc' },
          { use: 'builtin:identity-email-otp', config: { smtp, from: 'Portreeve <portreeve@example.org>' } },
          { use: 'builtin:selector-random' },
        ],
      },
    })
    openid = await OpenidProvider.start()
    mail = await portal.create('/identity_providers', { name: 'E-mail', type: 'email-otp' })
  })
  after(async () => {
    await portal?.stop()
    await openid?.stop()
    await sink?.stop()
  })
  beforeEach(async () => {
    people++
    id = await openid.addTo(portal, { name: `ID ${people}`, email_domains: ['example.org'] })
    ada = await portal.create('/actors', { name: `Ada ${people}`, email: `ada${people}@example.org`, type: 'admin' })
  })

  const address = (): string => `ada${people}@example.org`
  const beginMail = async (browser: Browser, email: string, query = ''): Promise<() => Promise<Response>> =>
    askForMailedCode({ browser, sink, email, url: `${portal.url}/example/sign_in/email-otp/${mail.id}?${query}` })
  const byMail = async (browser: Browser, email: string, query = ''): Promise<Response> =>
    browser.accept(await (await beginMail(browser, email, query))())
  const callbackOf = async (browser: Browser, query = ''): Promise<string> =>
    browser.follow(`${portal.url}/example/sign_in/oidc/${id.id}?${query}`, { until: isCallback, login: `ada${people}` })
  const byOpenid = async (browser: Browser, query = ''): Promise<Response> =>
    browser.accept(await browser.send(await callbackOf(browser, query)))
  const home = async (browser: Browser): Promise<Response> => browser.send(`${portal.url}/example/home`)
  const tokensOf = async (kind = 'client'): Promise<{ name: string }[]> =>
    (await portal.api('GET', `/actors/${ada.id}/${kind}_tokens`)).body.data
  const patch = async (path: string, body: object): Promise<void> => {
    const { status, body: answer } = await portal.api('PATCH', path, body)
    expect(status, JSON.stringify(answer)).to.equal(200)
  }
  const apiTokenOf = async (browser: Browser): Promise<string> => {
    const page = await (await browser.send(`${portal.url}/example/my/sessions`)).text()
    const form = { csrf: fieldOf(page, 'csrf'), name: 'script', days: '30' }
    const made = await browser.send(`${portal.url}/example/my/api_tokens`, { form })
    return /<textarea[^>]*>([^<]+)</.exec(await made.text())?.[1] ?? ''
  }
  const apiStatus = async (token: string): Promise<number> =>
    (await portal.api('GET', '/identities', undefined, token)).status

  it('an address that somebody new has opens nothing of whoever had it', async () => {
    const old = new Browser()
    expect((await byMail(old, address())).status).to.equal(302)
    expect((await byMail(new Browser(), address(), CLIENT)).status).to.equal(200)
    const token = await apiTokenOf(old)
    expect([await apiStatus(token), (await tokensOf()).length]).to.deep.equal([200, 1])
    await patch(`/actors/${ada.id}`, { email: `jones${people}@example.org` })
    expect((await home(old)).status).to.equal(302)
    expect([await apiStatus(token), (await tokensOf()).length]).to.deep.equal([401, 0])
    await portal.create('/actors', { name: 'The new one', email: address() })
    const fresh = new Browser()
    expect((await byMail(fresh, address())).status).to.equal(302)
    const page = await (await home(fresh)).text()
    expect(page).to.contain('The new one').and.not.contain('administered')
  })

  it('a code that was mailed to whoever had the address is none for whoever has it next', async () => {
    const redeem = await beginMail(new Browser(), address())
    await patch(`/actors/${ada.id}`, { email: `jones${people}@example.org` })
    await portal.create('/actors', { name: 'The new one', email: address() })
    expect((await redeem()).status).to.equal(403)
  })

  it('a code that was mailed to somebody is none after she was disabled', async () => {
    const redeem = await beginMail(new Browser(), address())
    await patch(`/actors/${ada.id}`, { is_disabled: true })
    await patch(`/actors/${ada.id}`, { is_disabled: false })
    expect((await redeem()).status).to.equal(403)
  })

  it('S11 a person who was disabled signs in again, and what an admin made for her stays', async () => {
    const browser = new Browser()
    await byOpenid(browser)
    expect((await byOpenid(new Browser(), CLIENT)).status).to.equal(200)
    await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'an admin’s' })
    const token = await apiTokenOf(browser)
    await patch(`/actors/${ada.id}`, { is_disabled: true })
    await patch(`/actors/${ada.id}`, { is_disabled: false })
    expect((await home(browser)).status).to.equal(302)
    expect(await apiStatus(token)).to.equal(401)
    expect((await tokensOf()).map(({ name }) => name)).to.deep.equal(['an admin’s'])
    expect((await byOpenid(browser)).status).to.equal(302)
  })

  it('a provider that was disabled brings nothing back', async () => {
    const browser = new Browser()
    await byOpenid(browser)
    await byOpenid(new Browser(), CLIENT)
    await patch(`/identity_providers/${id.id}`, { is_disabled: true })
    expect((await home(browser)).status).to.equal(302)
    await patch(`/identity_providers/${id.id}`, { is_disabled: false })
    expect((await home(browser)).status).to.equal(302)
    expect(await tokensOf()).to.deep.equal([])
    expect((await byOpenid(browser)).status).to.equal(302)
  })

  it('S11 another issuer or client of a provider ends its sign-ins, another secret or name does not', async () => {
    const { settings } = (await portal.api('GET', `/identity_providers/${id.id}`)).body
    const browser = new Browser()
    await byOpenid(browser)
    await byOpenid(new Browser(), CLIENT)
    await patch(`/identity_providers/${id.id}`, {
      name: `Renamed ${people}`,
      settings: { ...settings, client_secret: 'x' },
    })
    expect([(await home(browser)).status, (await tokensOf()).length]).to.deep.equal([200, 1])
    await patch(`/identity_providers/${id.id}`, { settings: { ...settings, client_id: 'another' } })
    expect([(await home(browser)).status, (await tokensOf()).length]).to.deep.equal([302, 0])
    const identities = (await portal.api('GET', '/identities?limit=100')).body.data as {
      identity_provider_id: string
    }[]
    expect(identities.filter(({ identity_provider_id: of }) => of === id.id)).to.deep.equal([])
  })

  it('a sign-in that is under way does not go on where its provider became another one', async () => {
    const browser = new Browser()
    const callback = await callbackOf(browser)
    const { settings } = (await portal.api('GET', `/identity_providers/${id.id}`)).body
    await patch(`/identity_providers/${id.id}`, { settings: { ...settings, scopes: ['email'] } })
    expect((await browser.send(callback)).status).to.equal(400)
  })

  it('S11 a question that waits for its answer is over with what it is about', async () => {
    const endings: [string, () => Promise<void>][] = [
      ['disabled', async () => patch(`/actors/${ada.id}`, { is_disabled: true })],
      [
        'identity',
        async () => {
          const identities = (await portal.api('GET', '/identities?limit=100')).body.data as {
            id: string
            actor_id: string
          }[]
          const own = identities.find(({ actor_id: of }) => of === ada.id)
          await portal.api('DELETE', `/identities/${own?.id ?? ''}`)
        },
      ],
      ['provider', async () => patch(`/identity_providers/${id.id}`, { is_disabled: true })],
    ]
    for (const [what, end] of endings) {
      const browser = new Browser()
      const asked = await browser.send(await callbackOf(browser, CLIENT))
      expect(await asked.clone().text(), what).to.contain('/sign_in/approve')
      await end()
      expect((await browser.accept(asked)).status, what).to.equal(400)
      await patch(`/actors/${ada.id}`, { is_disabled: false })
    }
    expect(await tokensOf()).to.deep.equal([])
  })

  it('an API token ends where its maker is no admin any more, or her sign-in is taken away', async () => {
    const browser = new Browser()
    await byOpenid(browser)
    const token = await apiTokenOf(browser)
    const { token: given } = await portal.create(`/actors/${ada.id}/api_tokens`)
    await patch(`/actors/${ada.id}`, { type: 'user' })
    await patch(`/actors/${ada.id}`, { type: 'admin' })
    expect([await apiStatus(token), await apiStatus(given)]).to.deep.equal([401, 401])
    const second = await apiTokenOf(browser)
    const identities = (await portal.api('GET', '/identities?limit=100')).body.data as {
      id: string
      actor_id: string
    }[]
    const own = identities.find(({ actor_id: of }) => of === ada.id)
    await portal.api('DELETE', `/identities/${own?.id ?? ''}`)
    expect(await apiStatus(second)).to.equal(401)
  })

  it('S12 the first provider speaks for every domain, a further one for none until it is told which', async () => {
    const domains = async (of: string, token?: string) =>
      (await portal.api('GET', `/identity_providers/${of}`, undefined, token)).body.email_domains as unknown
    expect(await domains(mail.id)).to.deep.equal(['*'])
    const { id: further } = await openid.addTo(portal, { name: `Further ${people}` })
    expect(await domains(further)).to.deep.equal([])
    await patch(`/identity_providers/${further}`, { email_domains: ['Example.ORG.', 'MÜNCHEN.example', 'example.org'] })
    expect(await domains(further)).to.deep.equal(['example.org', 'xn--mnchen-3ya.example'])
    for (const bad of ['', 'org', '*.example.org', 'ada@example.org', '192.0.2.1', 'a b.example', 'example.org:80']) {
      const { status } = await portal.api('PATCH', `/identity_providers/${further}`, { email_domains: [bad] })
      expect(status, bad).to.equal(422)
    }
  })
})
