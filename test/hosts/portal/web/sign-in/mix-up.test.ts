import { expect } from 'chai'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { Browser } from '../../../../kit/browser.ts'
import { MixUpProvider, type MixUp } from '../../../../kit/mix-up-provider.ts'
import { isCallback, OPENID_CLIENT, OpenidProvider, type AddedProvider } from '../../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('S10 a callback that belongs to one provider', () => {
  let portal: PortalFixture
  let openid: OpenidProvider
  let honest: AddedProvider
  let hostile: MixUpProvider
  /** Account of the attacker who runs the hostile provider. */
  let evil: Awaited<ReturnType<PortalFixture['addAccount']>>
  let browser: Browser
  let shared: string

  before(async () => {
    portal = await PortalFixture.start()
    openid = await OpenidProvider.start()
    hostile = await MixUpProvider.start()
    honest = await openid.addTo(portal)
    evil = await portal.addAccount('evil')
    shared = `${portal.url}/auth/oidc/callback`
    openid.register(shared)
  })
  after(async () => {
    await openid.stop()
    await hostile.stop()
    await portal.stop()
  })
  beforeEach(() => {
    browser = new Browser()
    hostile.mixUp = mixUp(honest.callback_url)
  })
  afterEach(() => {
    expect(hostile.codes).to.deep.equal([])
  })

  const mixUp = (redirectUri: string, document = {}): MixUp => ({
    authorizationUrl: `${openid.issuer}/auth`,
    clientId: OPENID_CLIENT.id,
    redirectUri,
    document,
  })
  let added = 0
  const addHostile = async (settings: object = {}): Promise<AddedProvider> => {
    const all = { issuer: hostile.issuer, client_id: 'x', client_secret: 'x', allow_http: true, ...settings }
    const body = { name: `Hostile ${added++}`, type: 'oidc', settings: all }
    const { status, body: made } = await portal.api('POST', '/identity_providers', body, evil.token)
    expect(status).to.equal(201)
    return made as AddedProvider
  }
  const beginAt = (account: string, { id }: AddedProvider): string => `${portal.url}/${account}/sign_in/oidc/${id}`
  const callbackOf = async (account: string, provider: AddedProvider): Promise<string> =>
    browser.follow(beginAt(account, provider), { until: isCallback, login: 'admin' })

  it('S10 a callback signs somebody in at the address that the API shows for this provider', async () => {
    expect(honest.callback_url).to.equal(`${portal.url}/auth/callback/${honest.id}`)
    const callback = await callbackOf('example', honest)
    expect(callback).to.match(new RegExp(`^${honest.callback_url}\\?`))
    expect((await browser.send(callback)).status).to.equal(302)
  })

  it('S10 a callback gives no hostile provider the code of an honest one, and writes down where it came', async () => {
    const callback = await callbackOf('evil', await addHostile())
    expect(callback).to.match(new RegExp(`^${honest.callback_url}\\?.*code=`))
    expect((await browser.send(callback)).status).to.equal(400)
    const { body } = await portal.api('GET', '/audit_log?limit=1', undefined, evil.token)
    expect(body.data[0].details).to.include({ reason: 'wrong_callback' })
  })

  it('S10 the shared callback gives no hostile provider a code, whether or not its sign-in says that it names itself', async () => {
    hostile.mixUp = mixUp(shared)
    expect((await browser.send(await callbackOf('evil', await addHostile()))).status).to.equal(400)
    hostile.mixUp = mixUp(shared, { authorization_response_iss_parameter_supported: true })
    const callback = await callbackOf('evil', await addHostile({ shared_callback: true }))
    expect(new URL(callback).searchParams.get('iss')).to.equal(openid.issuer)
    expect((await browser.send(callback)).status).to.equal(403)
  })

  it('S10 nobody is sent to the shared callback for a provider that does not name itself', async () => {
    const answer = await browser.send(beginAt('evil', await addHostile({ shared_callback: true })))
    expect(answer.status).to.be.oneOf([403, 502])
    const { body } = await portal.api('GET', '/audit_log?limit=1', undefined, evil.token)
    expect(body.data[0].details).to.include({ reason: 'shared_callback_refused' })
  })

  it('S10 the shared callback is taken for an honest provider that names itself, and not without the name', async () => {
    const settings = { issuer: openid.issuer, client_id: OPENID_CLIENT.id, client_secret: OPENID_CLIENT.secret }
    const provider = await openid.addTo(portal, {
      name: 'Registered before',
      settings: { ...settings, allow_http: true, shared_callback: true },
    })
    const whom = { actor_id: portal.admin.id, issuer: openid.issuer, subject: 'admin' }
    await portal.create('/identities', { ...whom, identity_provider_id: provider.id })
    const callback = await callbackOf('example', provider)
    expect(callback).to.match(new RegExp(`^${shared}\\?`))
    const unnamed = new URL(callback)
    unnamed.searchParams.delete('iss')
    expect((await browser.send(unnamed.href)).status).to.equal(400)
    const again = await callbackOf('example', provider)
    expect((await browser.send(again)).status).to.equal(302)
  })

  it('S10 a callback is spelled in one way, and is no other provider’s', async () => {
    const other = await openid.addTo(portal, { name: 'Another' })
    for (const spell of [
      () => `${portal.url}/auth/callback/${other.id}`,
      () => honest.callback_url.toUpperCase().replace(/^.*\/AUTH/, `${portal.url}/auth`),
      () => `${honest.callback_url}%20`,
      () => `${honest.callback_url}/x`,
      () => `${portal.url}/auth/callback`,
      () => shared,
    ]) {
      const callback = new URL(await callbackOf('example', honest))
      const spelled = spell() + callback.search
      expect((await browser.send(spelled)).status, spelled).to.be.oneOf([400, 404])
    }
  })
})
