import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { AdminVisitor, hidden } from '../../../../kit/admin-visitor.ts'
import { Browser } from '../../../../kit/browser.ts'
import { isCallback, OPENID_CLIENT, OpenidProvider, type AddedProvider } from '../../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('the test sign-in of an identity provider', () => {
  let portal: PortalFixture
  let openid: OpenidProvider
  let provider: AddedProvider
  let owner: AdminVisitor
  let ada: string

  before(async () => {
    portal = await PortalFixture.start()
    openid = await OpenidProvider.start()
    provider = await openid.addTo(portal, { email_domains: ['example.org'], is_disabled: true })
    ada = (await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })).id
    const site = await portal.create('/sites', { name: 'Main' })
    const group = await portal.create('/groups', { name: 'Finance' })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada] })
    const resource = await portal.create('/resources', {
      name: 'Payroll',
      type: 'dns',
      address: 'payroll.example.org',
      site_id: site.id,
    })
    const conditions = [{ condition: 'identity-provider', settings: { ids: [provider.id] } }]
    await portal.create('/policies', { group_id: group.id, resource_id: resource.id, conditions })
    owner = await AdminVisitor.signIn(portal)
  })
  after(async () => {
    await openid.stop()
    await portal.stop()
  })

  const path = (): string => `/providers/${provider.id}/test`

  /** Begins a test and signs in at the provider; returns the callback's URL. */
  const walk = async (login: string, fields: Record<string, string> = {}, visitor = owner): Promise<string> => {
    const begun = await visitor.send(path(), fields)
    expect(begun.status, begun.text).to.equal(200)
    // The provider would take the browser's last person without asking: another browser goes there.
    return new Browser().follow(leadsTo(begun.text), { until: isCallback, login })
  }
  const result = async (callback: string, visitor = owner): Promise<string> => {
    const answer = await visitor.browser.send(callback)
    expect(answer.status).to.equal(303)
    return (await visitor.browser.send(new URL(answer.headers.get('location') ?? '', portal.url).href)).text()
  }
  const kept = async (): Promise<unknown> => ({
    identities: (await portal.api('GET', '/identities')).body.data,
    people: (await portal.api('GET', '/actors')).body.data.length,
    audit: (await portal.api('GET', '/audit_log')).body.data.length,
  })

  it('shows the claims, whom they name, what would be gained, each step, and keeps nothing', async () => {
    const before_ = await kept()
    const page = await owner.open(path())
    expect(page.text).to.include('Begin the test').and.include(`/auth/callback/${provider.id}`)
    const text = words(await result(await walk('ada')))
    expect(text).to.include('|works|').and.include('You signed in there as Ada Example.')
    expect(text).to.include('|ada@example.org|').and.include('|a new identity|').and.include('|Ada|')
    expect(text).to.include('|groups|').and.include('not kept: the provider’s settings do not name it')
    expect(text.indexOf('|groups|'), 'claims that become nothing come first').to.be.below(text.indexOf('|sub|'))
    expect(text).to.include('sign_in.provider_id').and.include('If Ada signed in by it').and.include('|+1|')
    expect(text).to.include('The discovery document is right.').and.include('Signature, issuer, audience, nonce')
    expect(text).to.include('Enable Example ID')
    expect(await kept()).to.deep.equal(before_)
  })

  it('S16 shows no secret, code, state, nonce, verifier or token on any page of it', async () => {
    const begun = await owner.send(path(), {})
    const away = new URL(leadsTo(begun.text))
    const callback = new URL(await new Browser().follow(away.href, { until: isCallback, login: 'ada' }))
    const text = await result(callback.href)
    for (const secret of [
      OPENID_CLIENT.secret,
      ...['state', 'nonce', 'code_challenge'].map((name) => away.searchParams.get(name)),
      callback.searchParams.get('code'),
    ]) {
      expect(secret?.length ?? 0).to.be.above(10)
      expect(text).not.to.include(secret)
    }
    expect(text).not.to.match(/eyJ[\w-]{10}/)
    expect(text).to.include('(sent, not shown)').and.include('(came, not shown)')
  })

  it('opens the step that failed, with what came and what to set', async () => {
    const text = words(await result(await walk('')))
    expect(text).to.include('|fails|').and.include('It failed here.').and.include('access_denied')
    expect(text).to.include('she may not be assigned to this client at the provider')
    expect(text).not.to.include('Enable')
  })

  it('says why a person whom nobody knows here would not be signed in', async () => {
    const text = words(await result(await walk('stranger')))
    expect(text).to.include('|signs nobody in|').and.include('nobody of this account has the address')
  })

  it('tests what is typed into the form, saves none of it unasked, and saves it when asked', async () => {
    const edit = `/providers/${provider.id}/edit`
    const form = {
      name: 'Example ID',
      email_domains: 'example.org',
      is_default: 'false',
      is_disabled: 'true',
      session_hours: '8',
      client_days: '7',
      's.issuer': openid.issuer,
      's.client_id': OPENID_CLIENT.id,
      's.allow_http': 'true',
      's.groups_claim': 'groups',
      's.scopes': 'profile\nemail',
      's.email_claim': 'email',
      's.verified_claim': 'email_verified',
      's.parameters': '{}',
      's.shared_callback': 'false',
    }
    await owner.open(edit)
    const wrong = await owner.send(path(), { ...form, 's.issuer': 'nowhere', test: '1' })
    expect(wrong.text).to.include('aria-invalid="true"').and.include('Not saved')
    const callback = await walk('ada', { ...form, test: '1' })
    const text = await result(callback)
    expect(words(text)).to.include('|1 of 2|').and.include('no policy asks for it').and.include('not saved')
    const stored = async () => (await portal.api('GET', `/identity_providers/${provider.id}`)).body.settings
    expect(await stored()).not.to.have.property('groups_claim')
    const save = /href="[^"]*\/admin(\/[^"]*\/save)"/.exec(text)?.[1] ?? ''
    const asked = await owner.open(save)
    const saved = await owner.send(save, { save: '1', digest: hidden(asked.text, 'digest') })
    expect(saved.status, saved.text).to.equal(303)
    expect(await stored()).to.have.property('groups_claim', 'groups')
  })

  it('S16 signs nobody in by the answer of a test, in whatever way it is sent', async () => {
    const callback = await walk('ada')
    const bare = new Browser()
    expect((await bare.send(callback)).status, 'another browser').to.equal(400)
    expect((await bare.send(`${portal.url}/example/my/access`)).status).to.equal(302)
    const shared = callback.replace(`/auth/callback/${provider.id}`, '/auth/oidc/callback')
    expect((await owner.browser.send(shared)).status, 'another callback').to.equal(400)
    expect((await owner.browser.send(callback)).status, 'it was spent by that').to.equal(400)

    const again = await walk('ada')
    expect((await owner.browser.send(again)).status).to.equal(303)
    expect((await owner.browser.send(again)).status, 'twice').to.equal(400)
    expect((await owner.open('')).text, 'still the owner').to.include('owner')
  })

  it('S16 does not go on, nor is seen, in another session, and not after the role was lost', async () => {
    await portal.api('PATCH', `/identity_providers/${provider.id}`, { is_disabled: false })
    const olga = (await portal.create('/actors', { name: 'Olga', email: 'olga@example.org', type: 'owner' })).id
    const other = await AdminVisitor.signInBy(portal, provider, 'olga')
    await other.open(path())
    const page = await walk('ada', {}, other).then((callback) => other.browser.send(callback))
    const seen = page.headers.get('location') ?? ''
    const peeked = await owner.open(seen.replace('/example/admin', ''))
    expect(peeked.text).to.include('That test is over').and.not.include('ada@example.org')
    const callback = await walk('ada', {}, other)
    await portal.api('PATCH', `/actors/${olga}`, { type: 'admin' })
    expect((await other.browser.send(callback)).status).to.equal(400)
    expect((await other.open(path())).text)
      .to.include('You read this as admin')
      .and.not.include('Begin the test')
    expect((await other.send(path(), {})).status).to.equal(403)
    expect((await other.open(seen.replace('/example/admin', ''))).status).to.equal(403)
  })

  it('S16 makes no test of a real sign-in, nor a sign-in of a test’s form', async () => {
    const browser = new Browser()
    const start = `${portal.url}/example/sign_in/oidc/${provider.id}`
    const callback = await browser.follow(start, { until: isCallback, login: 'ada' })
    const signedIn = await browser.send(callback)
    expect(signedIn.headers.get('location')).to.equal('/example/home')
    const begun = await owner.send(path(), {})
    const state = new URL(leadsTo(begun.text)).searchParams.get('state') ?? ''
    const ids = [...owner.browser.cookies(new URL(portal.url).origin).keys()].filter((name) =>
      name.startsWith('portreeve_sign_in_'),
    )
    expect(ids).not.to.deep.equal([])
    for (const sign_in of ids.map((name) => name.slice('portreeve_sign_in_'.length))) {
      const answer = await owner.browser.send(start, { form: { sign_in, state } })
      expect(answer.status).to.equal(400)
    }
  })

  it('begins only by a form of the admin’s own session', async () => {
    for (const csrf of ['', 'x'.repeat(22)]) expect((await owner.send(path(), { csrf: [csrf] })).status).to.equal(403)
  })
})

/** Address to which a page sends the browser. */
const leadsTo = (page: string): string => (/href="([^"]*)">Continue/.exec(page)?.[1] ?? '').replaceAll('&amp;', '&')

/** Texts of a page, with a bar in place of tags. */
const words = (page: string): string => page.replaceAll(/(?:\s*<[^>]*>\s*)+/g, '|')
