import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, beforeEach, describe, it } from 'mocha'
import { Browser } from '../../../../kit/browser.ts'
import { fieldOf } from '../../../../kit/mail-sign-in.ts'
import { isCallback, OPENID_CLIENT, OpenidProvider, type AddedProvider } from '../../../../kit/openid-provider.ts'
import { PASSPORT_FOLDER } from '../../../../kit/passport-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const CLIENT = `as=headless-client&nonce=${'0'.repeat(64)}&state=${'1'.repeat(64)}`
const PASSWORD = 'correct horse'

describe('a portal with strategies of Passport', () => {
  let folder: string
  let openid: OpenidProvider
  let portal: PortalFixture
  let hub: AddedProvider
  let directory: AddedProvider
  let ada: { id: string }
  let browser: Browser

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'passport-'))
    const secret = join(folder, 'secret')
    await writeFile(secret, `${OPENID_CLIENT.secret}\n`, { mode: 0o600 })
    openid = await OpenidProvider.start()
    const { issuer } = openid
    const config = {
      strategies: {
        hub: {
          package: 'passport-openidconnect',
          options: {
            issuer,
            authorizationURL: `${issuer}/auth`,
            tokenURL: `${issuer}/token`,
            userInfoURL: `${issuer}/me`,
            clientID: OPENID_CLIENT.id,
            scope: ['profile', 'email'],
          },
          secret_files: { clientSecret: secret },
          token_endpoint_auth_method: 'client_secret_basic',
          id_token: { issuer, jwks_uri: `${issuer}/jwks` },
          profile: { groups: 'groups' },
        },
        directory: { package: 'passport-local', verify: './verify-local.mjs', form: {}, issuer: 'the directory' },
      },
    }
    portal = await PortalFixture.start({
      configFile: join(PASSPORT_FOLDER, 'portal.yaml'),
      config: { plugins: [{ use: 'builtin:identity-passport', config }, { use: 'builtin:selector-random' }] },
    })
    hub = await portal.create('/identity_providers', { name: 'Hub', type: 'hub' })
    openid.register(hub.callback_url)
    directory = await portal.create('/identity_providers', { name: 'Directory', type: 'directory' })
    ada = await portal.create('/actors', { name: 'Ada Example', email: 'ada@example.org' })
    await portal.create('/identities', {
      actor_id: ada.id,
      issuer: 'the directory',
      subject: 'ada',
      identity_provider_id: directory.id,
    })
    await portal.create('/identities', {
      actor_id: ada.id,
      issuer,
      subject: 'ada',
      identity_provider_id: hub.id,
    })
  })
  after(async () => {
    await portal?.stop()
    await openid?.stop()
    await rm(folder, { recursive: true })
  })
  beforeEach(() => {
    browser = new Browser()
  })

  it('a client is signed in through passport-openidconnect, and its token has what the provider said', async () => {
    const callback = await browser.follow(`${portal.url}/example/sign_in/hub/${hub.id}?${CLIENT}`, {
      until: isCallback,
      login: 'ada',
    })
    const page = await browser.accept(await browser.send(callback))
    expect(await page.text()).to.contain('You are signed in')
    const [token] = (await portal.api('GET', `/actors/${ada.id}/client_tokens`)).body.data
    expect(token.sign_in)
      .to.include({ claims: null, methods: null })
      .and.deep.include({ groups: ['staff', 'adas'] })
    const code = new URL(callback).searchParams.get('code') ?? ''
    const told = JSON.stringify([portal.logger.lines, (await portal.api('GET', '/audit_log?limit=100')).body])
    for (const secret of [code, OPENID_CLIENT.secret]) expect(told).not.to.contain(secret)
  })

  it('a browser is signed in by the form of passport-local, on two pages, after a wrong password', async () => {
    const at = `${portal.url}/example/sign_in/directory/${directory.id}`
    const post = async (page: string, form: Record<string, string>): Promise<Response> =>
      browser.send(at, { form: { sign_in: fieldOf(page, 'sign_in'), ...form } })
    const first = await (await browser.send(at)).text()
    const second = await (await post(first, { username: 'ada' })).text()
    expect(second).to.contain('You sign in as ada.').and.contain('type="password"')
    const third = await (await post(second, { password: 'wrong horse' })).text()
    expect(third).to.contain('That is not right.')
    expect((await post(third, { password: PASSWORD })).headers.get('location')).to.equal('/example/home')
    expect((await browser.send(`${portal.url}/example/home`)).status).to.equal(200)
    expect(JSON.stringify(portal.logger.lines)).not.to.match(/wrong horse|correct horse/)
  })

  it('S3 the portal takes the answer to a form only from the browser that it showed the form to', async () => {
    const at = `${portal.url}/example/sign_in/directory/${directory.id}`
    const [mine, other] = [new Browser(), new Browser()]
    const form = { sign_in: fieldOf(await (await mine.send(at)).text(), 'sign_in'), username: 'ada' }
    await other.send(at)
    for (const by of [other, new Browser()]) expect((await by.send(at, { form })).status).to.equal(400)
    expect((await mine.send(at, { form })).status).to.equal(200)
  })

  it('an admin of an account names no package: strategies are the operator’s', async () => {
    for (const settings of [
      { package: './odd-strategy.mjs' },
      { options: {} },
      { strategies: {} },
      { verify: './x.mjs' },
    ]) {
      const created = await portal.api('POST', '/identity_providers', { name: 'Evil', type: 'hub', settings })
      expect(created.status, JSON.stringify(settings)).to.equal(422)
      const changed = await portal.api('PATCH', `/identity_providers/${hub.id}`, { settings })
      expect(changed.status, JSON.stringify(settings)).to.equal(422)
    }
    for (const type of ['passport-local', 'identity-passport', './odd-strategy.mjs'])
      expect((await portal.api('POST', '/identity_providers', { name: 'Evil', type })).status, type).to.equal(422)
  })
})
