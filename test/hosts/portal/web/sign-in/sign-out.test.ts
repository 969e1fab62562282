import { join } from 'node:path'
import { expect } from 'chai'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { openDialect } from '../../../../../hosts/portal/store/open-dialect.ts'
import { createClock, createRandom } from '../../../../../hosts/runtime/index.ts'
import { Browser } from '../../../../kit/browser.ts'
import { ForgingProvider } from '../../../../kit/forging-provider.ts'
import { fieldOf } from '../../../../kit/mail-sign-in.ts'
import { confirmSignOut, isCallback, OPENID_CLIENT, OpenidProvider } from '../../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const CLIENT = `as=headless-client&nonce=${'0'.repeat(64)}&state=${'1'.repeat(64)}`
const STATED = { groups_claim: 'groups', claims: ['name'], parameters: { max_age: '3600' } }

describe('what a provider says at the sign-in, and the sign-out', () => {
  let portal: PortalFixture
  let openid: OpenidProvider
  let forging: ForgingProvider
  let provider: { id: string }
  let liar: { id: string }
  let ada: { id: string }
  let browser: Browser

  before(async () => {
    portal = await PortalFixture.start()
    openid = await OpenidProvider.start()
    forging = await ForgingProvider.start()
    const client = { client_id: OPENID_CLIENT.id, client_secret: OPENID_CLIENT.secret, allow_http: true }
    provider = await openid.addTo(portal, { settings: { issuer: openid.issuer, ...client, ...STATED } })
    ada = await portal.create('/actors', { name: 'Ada Example', email: 'ada@example.org' })
    await link(provider, openid.issuer)
    liar = await addForging('Liar')
  })
  after(async () => {
    await forging.stop()
    await openid.stop()
    await portal.stop()
  })
  beforeEach(() => {
    browser = new Browser()
  })
  afterEach(() => {
    forging.says = {}
  })

  /** Adds the forging provider to the portal under a name, with Ada's identity there. */
  const addForging = async (name: string, client_secret = OPENID_CLIENT.secret): Promise<{ id: string }> => {
    const settings = { issuer: forging.issuer, client_id: OPENID_CLIENT.id, client_secret, allow_http: true }
    const added = (await portal.create('/identity_providers', { name, type: 'oidc', settings })) as { id: string }
    await link(added, forging.issuer)
    return added
  }
  const link = async ({ id }: { id: string }, issuer: string): Promise<void> =>
    portal.create('/identities', { actor_id: ada.id, issuer, subject: 'ada', identity_provider_id: id })
  const signIn = async (through: { id: string }, query = ''): Promise<Response> => {
    const start = `${portal.url}/example/sign_in/oidc/${through.id}?${query}`
    const callback = await browser.follow(start, { until: isCallback, login: 'ada' })
    return browser.accept(await browser.send(callback))
  }
  const home = async (): Promise<Response> => browser.send(`${portal.url}/example/home`)
  const signOut = async (): Promise<Response> => {
    const form = { csrf: fieldOf(await (await home()).text(), 'csrf') }
    return browser.send(`${portal.url}/example/sign_out`, { form })
  }
  const refreshOf = (page: string): string =>
    /http-equiv="refresh" content="0; url=([^"]*)"/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? ''

  it('a token of a sign-in keeps what the provider said that the settings name, and nothing else', async () => {
    expect((await signIn(provider, CLIENT)).status).to.equal(200)
    const [token] = (await portal.api('GET', `/actors/${ada.id}/client_tokens`)).body.data
    const { authenticated_at, ...stated } = token.sign_in
    expect(Date.parse(authenticated_at)).to.be.within(Date.now() - 60_000, Date.now())
    expect(stated).to.deep.equal({ methods: null, groups: ['staff', 'adas'], claims: { name: 'Ada Example' } })
    const trail = await portal.api('GET', '/audit_log?limit=100')
    expect(JSON.stringify(trail.body), 'the trail has no groups of people').not.to.contain('adas')
  })

  it('a token that an admin made has nothing that a provider said', async () => {
    const { id } = await portal.create(`/actors/${ada.id}/client_tokens`, { name: 'by hand' })
    expect((await portal.api('GET', `/tokens/${id}`)).body.sign_in).to.equal(null)
  })

  it('a sign-out ends the session at the portal, then the one at the provider, which sends the browser back', async () => {
    expect((await signIn(provider)).status).to.equal(302)
    const cookies = new Map(browser.cookies(portal.url))
    const page = await (await signOut()).text()
    const ending = refreshOf(page)
    expect(ending).to.match(new RegExp(`^${openid.issuer}/session/end\\?`))
    expect(new URL(ending).searchParams.get('id_token_hint')).to.match(/^[\w-]+\.[\w-]+\.[\w-]+$/)
    const stolen = await fetch(`${portal.url}/example/home`, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
    })
    expect(stolen.status, 'its cookie is worth nothing').to.equal(302)
    expect((await home()).status).to.equal(302)
    expect(await confirmSignOut(browser, ending)).to.equal(`${portal.url}/example/sign_in/providers`)
  })

  it('S9 a provider that fails at the sign-out does not keep the session alive, and the page says what may be left', async () => {
    forging.says = { document: { end_session_endpoint: 'javascript:alert(1)' } }
    expect((await signIn(liar)).status).to.equal(302)
    const answer = await signOut()
    expect(await answer.text())
      .to.contain('You are signed out of this portal')
      .and.contain('Liar did not answer')
      .and.not.contain('javascript:')
    expect((await home()).status).to.equal(302)
    const failed = portal.logger.lines.find(({ message }) => message.includes('may still be signed in'))
    expect(failed?.fields).to.include({ plugin: 'identity-oidc', providerId: liar.id })
  })

  it('a sign-out at a provider without one leads to the sign-in at once', async () => {
    const plain = await addForging('Plain', 'x')
    expect((await signIn(plain)).status).to.equal(302)
    expect((await signOut()).headers.get('location')).to.equal('/example/sign_in/providers')
    expect((await home()).status).to.equal(302)
  })

  it('the database has no ID token in the clear, and sessions from before it had one are as good as any', async function () {
    if ((process.env['PORTREEVE_TEST_POSTGRES'] ?? '') !== '') this.skip()
    await signIn(provider)
    const dialect = openDialect(
      { driver: 'sqlite', file: join(portal.stateFolder, 'portal.sqlite') },
      { clock: createClock(), random: createRandom(), logger: portal.logger },
    )
    try {
      const sessions = dialect.knex('sessions')
      const [row] = (await sessions.clone().where({ actor_id: ada.id })) as { id: string; data: string }[]
      const { signIn: stated, signOutHint, ...older } = JSON.parse(row?.data ?? '{}') as Record<string, unknown>
      expect(stated).to.deep.include({ groups: ['staff', 'adas'] })
      expect(signOutHint).to.match(/^[\w-]{100,}$/)
      await sessions
        .clone()
        .where({ id: row?.id })
        .update({ data: JSON.stringify(older) })
    } finally {
      await dialect.close()
    }
    expect((await home()).status).to.equal(200)
    expect(new URL(refreshOf(await (await signOut()).text())).searchParams.has('id_token_hint')).to.equal(false)
  })
})
