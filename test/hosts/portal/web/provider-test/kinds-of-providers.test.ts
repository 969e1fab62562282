import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { AdminVisitor } from '../../../../kit/admin-visitor.ts'
import { Browser } from '../../../../kit/browser.ts'
import { codeIn, MailSink } from '../../../../kit/mail-sink.ts'
import { fieldOf } from '../../../../kit/mail-sign-in.ts'
import { isCallback, OPENID_CLIENT, OpenidProvider } from '../../../../kit/openid-provider.ts'
import { PackageFolder } from '../../../../kit/package-folder.ts'
import { PASSPORT_FOLDER } from '../../../../kit/passport-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'
import { packageRoot } from '../../../../kit/source-tree.ts'

describe('the test sign-in works alike', () => {
  const folder = new PackageFolder()
  let sink: MailSink
  let openid: OpenidProvider
  let portal: PortalFixture
  let owner: AdminVisitor

  before(async () => {
    folder.linkPeers()
    folder.copyFixture('silent-identity', 'silent-identity')
    for (const name of ['passport-openidconnect', 'passport-local'])
      symlinkSync(join(packageRoot(), 'node_modules', name), join(folder.path, 'node_modules', name))
    copyFileSync(join(PASSPORT_FOLDER, 'verify-local.mjs'), join(folder.path, 'verify-local.mjs'))
    const secret = join(folder.path, 'secret')
    writeFileSync(secret, `${OPENID_CLIENT.secret}\n`, { mode: 0o600 })
    ;[sink, openid] = await Promise.all([MailSink.start(), OpenidProvider.start()])
    const smtp = { host: '127.0.0.1', port: sink.port, tls: 'never' }
    portal = await PortalFixture.start({
      configFile: folder.configFile,
      config: {
        plugins: [
          { use: 'builtin:identity-email-otp', config: { smtp, from: 'Portreeve <portreeve@example.org>' } },
          { use: 'builtin:identity-passport', config: { strategies: strategies(openid.issuer, secret) } },
          { use: 'silent-identity' },
          { use: 'builtin:selector-random' },
        ],
      },
    })
    await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    owner = await AdminVisitor.signIn(portal)
  })
  after(async () => {
    await portal.stop()
    await openid.stop()
    await sink.stop()
    folder.remove()
  })

  const add = async (type: string, more: object = {}): Promise<{ id: string; callback_url: string }> =>
    portal.create('/identity_providers', { name: type, type, email_domains: ['example.org'], ...more })

  /** Begins a test of a provider that asks on a page, and returns the function that answers each page. */
  const asked = async (id: string): Promise<(fields: Record<string, string>) => Promise<string>> => {
    await owner.open(`/providers/${id}/test`)
    const { location } = await owner.send(`/providers/${id}/test`, {})
    const path = (location ?? '').replace('/example/admin', '')
    await owner.open(path)
    return async (fields) => {
      const sent = await owner.send(path, fields)
      expect(sent.location, sent.text).to.equal(location)
      return words((await owner.open(path)).text)
    }
  }
  const identities = async (): Promise<unknown[]> => (await portal.api('GET', '/identities')).body.data

  it('with one-time codes by e-mail, whose codes sign nobody in, and which says where no mail goes', async () => {
    const { id } = await add('email-otp')
    const stranger = await asked(id)
    expect(await stranger({ email: 'nobody@example.org' })).to.include('no enabled person of the account has this')
    const answer = await asked(id)
    const before_ = sink.mails.length
    expect(await answer({ email: 'ada@example.org' })).to.include('A code is handed to the mail server.')
    const code = codeIn(await sink.mail(before_))
    const browser = new Browser()
    const url = `${portal.url}/example/sign_in/email-otp/${id}`
    const ask = async (page: string, form: Record<string, string>) =>
      browser.send(url, { form: { sign_in: fieldOf(page, 'sign_in'), ...form } })
    const page = await (await ask(await (await browser.send(url)).text(), { email: 'ada@example.org' })).text()
    expect((await ask(page, { code })).status, 'the code of a test').to.equal(200)
    const text = await answer({ code })
    expect(text).to.include('|works|').and.include('|a new identity|').and.include('The code is right, and used up.')
    expect(text).not.to.include(code)
    expect(await identities()).to.deep.equal([])
  })

  it('with a strategy of Passport that leads to a service', async () => {
    const hub = await add('hub')
    openid.register(hub.callback_url)
    const path = `/providers/${hub.id}/test`
    await owner.open(path)
    const begun = await owner.send(path, {})
    const away = (/href="([^"]*)">Continue/.exec(begun.text)?.[1] ?? '').replaceAll('&amp;', '&')
    const callback = await new Browser().follow(away, { until: isCallback, login: 'ada' })
    const answer = await owner.browser.send(callback)
    const location = (answer.headers.get('location') ?? '').replace('/example/admin', '')
    const page = (await owner.open(location)).text
    const text = words(page)
    expect(text).to.include('|works|').and.include('The strategy reports a person.').and.include('|1 of 2|')
    expect(text).to.include('|email_verified|').and.include('so the address counts')
    const code = new URL(callback).searchParams.get('code') ?? ''
    for (const secret of [OPENID_CLIENT.secret, code]) expect(page).not.to.include(secret)
    expect(await identities()).to.deep.equal([])
  })

  it('with a strategy of Passport that reads a form, whose password is not shown', async () => {
    const { id } = await add('directory')
    const wrong = await asked(id)
    await wrong({ username: 'ada' })
    expect(await wrong({ password: 'not the password' })).to.include('That is not right. Try again.')
    const broken = await asked(id)
    await broken({ username: 'broken' })
    const failed = await broken({ password: 'hunter-two' })
    expect(failed).to.include('|fails|').and.include('the directory is gone').and.not.include('hunter-two')
    const answer = await asked(id)
    await answer({ username: 'ada' })
    expect(await answer({ password: 'correct horse' }))
      .to.include('|works|')
      .and.not.include('correct horse')
    expect(await identities()).to.deep.equal([])
  })

  it('with a plugin of somebody else that notes nothing, as far as its answers tell', async () => {
    const { id } = await add('silent', { settings: { secret: 'the-silent-secret' } })
    const answer = await asked(id)
    const text = await answer({ name: 'ada' })
    expect(text).to.include('|works|').and.include('|department|').and.include('in sign_in.claims, as department')
    expect(text).to.include('|group-49|').and.include('and 10 more, which are not shown')
    expect(text).not.to.include('|group-50|')
    expect(text).to.include('The provider names the person.')
    const broken = await asked(id)
    const failed = await broken({ name: 'broken' })
    expect(failed).to.include('the directory refuses [secret]').and.not.include('the-silent-secret')
  })
})

const strategies = (issuer: string, secret: string) => ({
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
})

/** Texts of a page, with a bar in place of tags. */
const words = (page: string): string => page.replaceAll(/(?:\s*<[^>]*>\s*)+/g, '|')
