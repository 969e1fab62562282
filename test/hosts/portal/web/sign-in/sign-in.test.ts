import { expect } from 'chai'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { WebSocket } from 'ws'
import { Browser } from '../../../../kit/browser.ts'
import { ControlPeer } from '../../../../kit/control-peer.ts'
import { ForgingProvider, type Forgery } from '../../../../kit/forging-provider.ts'
import { LoopbackServer } from '../../../../kit/loopback-server.ts'
import { isCallback, OPENID_CLIENT, OpenidProvider } from '../../../../kit/openid-provider.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const nonce = '0123456789abcdef'.repeat(4)
const state = 'fedcba9876543210'.repeat(4)
const start = `/example?as=gui-client&nonce=${nonce}&state=${state}`

/** Runs the portal and a real provider that are registered with each other. */
describe('sign-in', () => {
  let portal: PortalFixture
  let openid: OpenidProvider
  let provider: { id: string }
  let ada: { id: string }
  let browser: Browser

  before(async () => {
    portal = await PortalFixture.start()
    openid = await OpenidProvider.start()
    provider = await openid.addTo(portal)
    ada = await portal.create('/actors', { name: 'Ada Example', email: 'ada@example.org' })
  })
  after(async () => {
    await openid.stop()
    await portal.stop()
  })
  beforeEach(() => {
    browser = new Browser()
  })

  const addProvider = async (name: string, issuer: string, more: object = {}): Promise<{ id: string }> =>
    portal.create('/identity_providers', {
      name,
      type: 'oidc',
      settings: { issuer, client_id: OPENID_CLIENT.id, client_secret: OPENID_CLIENT.secret, allow_http: true },
      ...more,
    })

  /** Walks from the start to the provider's answer, and returns the portal's response to that. */
  const signIn = async (query: string, login = 'ada', through = provider): Promise<Response> => {
    const callback = await browser.follow(`${portal.url}/example/sign_in/oidc/${through.id}?${query}`, {
      until: isCallback,
      login,
    })
    return browser.accept(await browser.send(callback))
  }

  const handover = async (): Promise<URL> => {
    const response = await browser.send(`${portal.url}/example/sign_in/client_redirect`)
    expect(response.status).to.equal(302)
    return new URL(response.headers.get('location') ?? '')
  }

  it('S1 a sign-in keeps state and nonce to the end, and nothing else but what is its own', async () => {
    const first = await browser.send(`${portal.url}${start}&evil=1&redirect_to=https://evil.example`)
    const location = first.headers.get('location') ?? ''
    expect(location).to.equal(`/example/sign_in?as=gui-client&state=${state}&nonce=${nonce}`)
    const page = await (await browser.send(`${portal.url}${location}`)).text()
    expect(page).to.contain('Example ID').and.not.contain('evil')
    expect(page).to.contain(`state=${state}`).and.contain(`nonce=${nonce}`)
  })

  it('S1 a sign-in asks for the account where none is set', async () => {
    const page = await (await browser.send(`${portal.url}/?as=gui-client&nonce=${nonce}&state=${state}&x=1`)).text()
    expect(page).to.contain('name="account"').and.contain(nonce).and.not.contain('name="x"')
    const next = await browser.send(`${portal.url}/?account=Example&as=gui-client&nonce=${nonce}&state=${state}`)
    expect(next.headers.get('location')).to.equal(start)
  })

  it('S1 a sign-in is refused to a client that sends no state, no nonce, or one that could not be a nonce', async () => {
    for (const query of [
      `nonce=${nonce}`,
      `state=${state}`,
      `state=${state}&nonce=a.b`,
      `state=${state}&nonce=${'a'.repeat(129)}`,
    ]) {
      expect((await browser.send(`${portal.url}/example?as=gui-client&${query}`)).status, query).to.equal(400)
    }
    expect((await browser.send(`${portal.url}/nobody?as=gui-client&nonce=${nonce}&state=${state}`)).status).to.equal(
      404,
    )
  })

  it('S2 a sign-in goes to the default provider at once, and still lets the others be chosen', async () => {
    await portal.api('PATCH', `/identity_providers/${provider.id}`, { is_default: true })
    const response = await browser.send(`${portal.url}/example/sign_in?as=gui-client&nonce=${nonce}&state=${state}`)
    expect(response.headers.get('location')).to.match(new RegExp(`^/example/sign_in/oidc/${provider.id}\\?`))
    const all = await browser.send(`${portal.url}/example/sign_in/providers`)
    expect(await all.text()).to.contain('Example ID')
    for (const path of ['/example', '/example/sign_in']) {
      const chosen = await browser.send(
        `${portal.url}${path}?provider=choose&as=gui-client&nonce=${nonce}&state=${state}`,
      )
      const at = chosen.headers.get('location')
      const page = at === null ? chosen : await browser.send(new URL(at, portal.url).href)
      expect(await page.text(), path)
        .to.contain('Example ID')
        .and.contain(`state=${state}`)
    }
    await portal.api('PATCH', `/identity_providers/${provider.id}`, { is_default: false })
  })

  it('S2 a sign-in does not offer, and does not open, a disabled provider', async () => {
    const disabled = await addProvider('Old ID', openid.issuer, { is_disabled: true })
    expect(await (await browser.send(`${portal.url}/example/sign_in`)).text()).not.to.contain('Old ID')
    expect((await browser.send(`${portal.url}/example/sign_in/oidc/${disabled.id}`)).status).to.equal(404)
  })

  it("S5 S6 a sign-in ends at the client's own scheme with state and a fragment that is worthless without the nonce", async () => {
    const page = await signIn(`as=gui-client&nonce=${nonce}&state=${state}`)
    expect(page.status).to.equal(200)
    const url = await handover()
    expect(url.protocol).to.equal('firezone-fd0020211111:')
    expect(url.host || url.pathname).to.contain('handle_client_sign_in_callback')
    const names = [...url.searchParams.keys()]
    expect(names).to.deep.equal([
      'fragment',
      'state',
      'actor_name',
      'account_slug',
      'account_name',
      'identity_provider_identifier',
    ])
    expect(url.searchParams.get('state')).to.equal(state)
    expect(url.searchParams.get('actor_name')).to.equal('Ada Example')
    expect(url.search).not.to.contain('+')
    const fragment = url.searchParams.get('fragment') ?? ''
    expect(fragment).to.match(/^\.[A-Za-z0-9._-]+$/)
    expect(await page.text()).not.to.contain(fragment)
    const [token] = (await portal.api('GET', `/actors/${ada.id}/client_tokens`)).body.data
    expect(token).to.include({ kind: 'client', identity_provider_id: provider.id })
    const lifetime = Date.parse(token.expires_at) - Date.parse(token.created_at)
    expect(lifetime).to.be.closeTo(7 * 86_400_000, 1_000)
  })

  it('H12 the apps of all five platforms, which write the start of a sign-in in two orders, are opened by one address with each parameter once', async () => {
    const starts = {
      'Windows and Linux': `as=gui-client&nonce=${nonce}&state=${state}`,
      'macOS, iOS and Android': `state=${state}&nonce=${nonce}&as=gui-client`,
    }
    for (const [platforms, query] of Object.entries(starts)) {
      browser = new Browser()
      const first = await browser.send(`${portal.url}/example?${query}`)
      expect(first.status, platforms).to.equal(302)
      expect(first.headers.get('location'), platforms).to.contain(`state=${state}`).and.to.contain(`nonce=${nonce}`)
      await signIn(query)
      const { href, searchParams } = await handover()
      expect(href, platforms).to.match(/^firezone-fd0020211111:\/\/handle_client_sign_in_callback\?fragment=\.[\w.-]+&/)
      for (const name of ['fragment', 'state', 'actor_name', 'account_slug']) {
        expect(searchParams.getAll(name), `${platforms}: ${name}`).to.have.length(1)
      }
    }
  })

  it('H12 a sign-in of a headless client may lack nonce and state, and its token works as it is shown', async () => {
    for (const query of ['as=headless-client', `as=headless-client&state=${state}`]) {
      browser = new Browser()
      const page = await (await signIn(query)).text()
      const token = /<textarea id="token"[^>]*>(\.[\w.-]+)<\/textarea>/.exec(page)?.[1] ?? ''
      const peer = await ControlPeer.connect({ url: portal.url, role: 'client', token, externalId: query })
      peer.close()
      await peer.closed
    }
  })

  it('S5 a client connects with nonce and fragment together, and with neither alone', async () => {
    await signIn(`as=gui-client&nonce=${nonce}&state=${state}`)
    const fragment = (await handover()).searchParams.get('fragment') ?? ''
    const connect = async (token: string): Promise<number> => {
      const query = new URLSearchParams({
        external_id: 'x',
        name: 'laptop',
        public_key: 'A'.repeat(43) + '=',
      }).toString()
      const socket = new WebSocket(`${portal.url.replace('http', 'ws')}/client/v2/websocket?${query}`, {
        headers: { 'X-Authorization': `Bearer ${token}`, 'User-Agent': 'Debian/12 headless-client/1.6.0 (x86_64)' },
      })
      return new Promise((resolve, reject) => {
        socket.once('open', () => {
          socket.terminate()
          resolve(101)
        })
        socket.once('unexpected-response', (_, response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        })
        socket.once('error', reject)
      })
    }
    expect(await connect(fragment)).to.equal(401)
    expect(await connect(nonce)).to.equal(401)
    expect(await connect(`${state}${fragment}`)).to.equal(401)
    expect(await connect(`${nonce}${fragment}`)).to.equal(101)
    const [token] = (await portal.api('GET', `/actors/${ada.id}/client_tokens`)).body.data.slice(-1)
    await portal.api('DELETE', `/tokens/${token.id}`)
    expect(await connect(`${nonce}${fragment}`)).to.equal(401)
  })

  it('S7 a sign-in shows a headless client a token to copy, or sends it to the loopback interface and nowhere else', async () => {
    const page = await (await signIn(`as=headless-client&nonce=${nonce}&state=${state}`)).text()
    expect(page).to.match(/<textarea id="token"[^>]*>\.[A-Za-z0-9._-]+<\/textarea>/)
    browser = new Browser()
    const callback = encodeURIComponent('http://127.0.0.1:4711/done?x=1')
    await signIn(`as=headless-client&nonce=${nonce}&state=${state}&callback=${callback}`)
    expect((await handover()).href).to.match(
      new RegExp(`^http://127\\.0\\.0\\.1:4711/done\\?x=1&fragment=\\.[\\w.-]+&state=${state}&`),
    )
    for (const evil of [
      'http://localhost:1/',
      'http://127.0.0.1.evil.example:1/',
      'https://127.0.0.1:1/',
      'http://127.0.0.1:1@evil.example/',
    ]) {
      const refused = await browser.send(
        `${portal.url}/example?as=headless-client&nonce=${nonce}&state=${state}&callback=${encodeURIComponent(evil)}`,
      )
      expect(refused.status, evil).to.equal(400)
    }
  })

  it('a sign-in refuses a stranger helpfully, and creates nobody', async () => {
    const before = (await portal.api('GET', '/actors?limit=100')).body.data.length
    const response = await signIn(`as=gui-client&nonce=${nonce}&state=${state}`, 'mallory')
    expect(response.status).to.equal(403)
    expect(await response.text()).to.contain('Ask an admin to add you')
    expect((await portal.api('GET', '/actors?limit=100')).body.data.length).to.equal(before)
  })

  it('a sign-in does not believe an e-mail address that the provider has not verified', async () => {
    await portal.create('/actors', { name: 'Unverified', email: 'unverified@example.org' })
    expect((await signIn(`as=gui-client&nonce=${nonce}&state=${state}`, 'unverified')).status).to.equal(403)
  })

  it('a person is known by her subject once she has signed in, whatever her address is then', async () => {
    await signIn(`as=headless-client&nonce=${nonce}&state=${state}`)
    await portal.api('PATCH', `/actors/${ada.id}`, { email: 'ada.new@example.org' })
    browser = new Browser()
    expect((await signIn(`as=headless-client&nonce=${nonce}&state=${state}`)).status).to.equal(200)
    await portal.api('PATCH', `/actors/${ada.id}`, { is_disabled: true })
    browser = new Browser()
    expect((await signIn(`as=headless-client&nonce=${nonce}&state=${state}`)).status).to.equal(403)
    await portal.api('PATCH', `/actors/${ada.id}`, { is_disabled: false, email: 'ada@example.org' })
  })

  it('a sign-in gives an admin a session, which a form of its own ends', async () => {
    const response = await signIn('redirect_to=/example/home', 'admin')
    expect(response.status).to.equal(302)
    expect(response.headers.get('location')).to.equal('/example/home')
    const cookie = response.headers.getSetCookie().find((line) => line.startsWith('portreeve_session='))
    expect(cookie)
      .to.match(/httponly/i)
      .and.match(/samesite=lax/i)
    const home = await (await browser.send(`${portal.url}/example/home`)).text()
    expect(home).to.contain('Signed in as')
    for (const page of ['sessions', 'access']) {
      const answer = await browser.send(`${portal.url}/example/my/${page}`)
      expect(answer.headers.get('content-security-policy')).to.match(/;script-src 'self'$/)
      const scripts = (await answer.text()).match(/<script[^>]*>[^<]*<\/script>/g)
      expect(scripts).to.deep.equal(['<script src="/assets/time.js" defer></script>'])
    }
    expect((await browser.send(`${portal.url}/assets/time.js`)).headers.get('content-type')).to.match(
      /^text\/javascript/,
    )
    const [, csrf = ''] = /name="csrf" value="([^"]+)"/.exec(home) ?? []
    const foreign = await browser.send(`${portal.url}/example/sign_out`, { form: { csrf: 'guessed' } })
    expect(foreign.status).to.equal(403)
    await browser.send(`${portal.url}/example/sign_out`, { form: { csrf } })
    expect((await browser.send(`${portal.url}/example/home`)).status).to.equal(302)
  })

  it('S9 the session of a disabled person ends, and one who is no admin any more loses what is for admins', async () => {
    await portal.create('/actors', { name: 'Grace', email: 'grace@example.org', type: 'admin' })
    await signIn('', 'grace')
    expect((await browser.send(`${portal.url}/example/home`)).status).to.equal(200)
    const actors = (await portal.api('GET', '/actors?limit=100')).body.data as { id: string; name: string }[]
    const grace = actors.find(({ name }) => name === 'Grace')
    const sessions = async () => (await browser.send(`${portal.url}/example/my/sessions`)).text()
    expect(await sessions()).to.contain('A new API token')
    await portal.api('PATCH', `/actors/${grace?.id ?? ''}`, { type: 'user' })
    expect(await sessions())
      .to.contain('My sessions')
      .and.not.contain('A new API token')
    await portal.api('PATCH', `/actors/${grace?.id ?? ''}`, { is_disabled: true })
    expect((await browser.send(`${portal.url}/example/home`)).status).to.equal(302)
  })

  it('a sign-in sends an admin inside the account only', async () => {
    for (const evil of [
      'https://evil.example/',
      '//evil.example',
      '/other',
      '/example/../other',
      '/example/%2e%2e/x',
      '/example\\x',
    ]) {
      const response = await browser.send(`${portal.url}/example?redirect_to=${encodeURIComponent(evil)}`)
      expect(response.headers.get('location'), evil).to.equal('/example/sign_in')
    }
  })

  it('a sign-in that another browser began does not go on', async () => {
    const callback = await browser.follow(
      `${portal.url}/example/sign_in/oidc/${provider.id}?as=gui-client&nonce=${nonce}&state=${state}`,
      { until: isCallback, login: 'ada' },
    )
    const stranger = await new Browser().send(callback)
    expect(stranger.status).to.equal(400)
    const tampered = await new Browser().send(callback, { headers: { cookie: 'portreeve_sign_in=AAAA' } })
    expect(tampered.status).to.equal(400)
  })

  it('sign-in pages are without scripts, under a strict policy, and no other site may frame them', async () => {
    const response = await browser.send(`${portal.url}/example/sign_in`)
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(policy).to.contain("default-src 'none'").and.contain("frame-ancestors 'none'")
    expect(await response.text()).not.to.match(/<script| style=| on\w+=/i)
    expect((await browser.send(`${portal.url}/assets/portal.css`)).status).to.equal(200)
  })

  it('a problem of a sign-in is a page that tells nothing of the inside', async () => {
    const response = await browser.send(`${portal.url}/nobody/nothing`)
    expect(response.status).to.equal(404)
    expect(response.headers.get('content-type')).to.match(/^text\/html/)
    expect(await response.text()).not.to.match(/Error|at .*\.js/)
  })

  it('S3 a sign-in lets everybody in by the other providers while one is down, and shows a page to try again', async () => {
    const dead = await LoopbackServer.start((_, response) => response.end())
    await dead.stop()
    const down = await addProvider('Down', dead.url)
    const response = await browser.send(
      `${portal.url}/example/sign_in/oidc/${down.id}?as=gui-client&nonce=${nonce}&state=${state}`,
    )
    expect(response.status).to.be.oneOf([403, 502])
    expect(await response.text())
      .to.contain('Try again')
      .and.contain('Sign in another way')
    expect((await signIn(`as=gui-client&nonce=${nonce}&state=${state}`)).status).to.equal(200)
  })

  describe('S3 at a provider that lies', () => {
    let forging: ForgingProvider
    let liar: { id: string }
    before(async () => {
      forging = await ForgingProvider.start()
      liar = await addProvider('Liar', forging.issuer)
      await portal.api('PATCH', `/actors/${ada.id}`, { email: 'ada@example.org' })
      const whom = { actor_id: ada.id, issuer: forging.issuer, subject: 'ada' }
      await portal.create('/identities', { ...whom, identity_provider_id: liar.id })
    })
    after(async () => forging.stop())
    afterEach(() => {
      forging.forgery = 'none'
    })

    const attempt = async (): Promise<Response> => signIn(`as=gui-client&nonce=${nonce}&state=${state}`, 'ada', liar)

    it('S3 the forging provider signs people in while it tells the truth', async () => {
      expect((await attempt()).status).to.equal(200)
    })

    const lies: Forgery[] = [
      'a-forged-signature',
      'a-token-without-a-signature',
      'another-issuer',
      'another-audience',
      'another-nonce',
      'another-state',
      'an-expired-token',
    ]
    for (const lie of lies) {
      it(`S3 refuses ${lie.replaceAll('-', ' ')}, with a page and without a token`, async () => {
        const tokens = async () => (await portal.api('GET', '/tokens?limit=100')).body.data.length as number
        const before = await tokens()
        forging.forgery = lie
        const response = await attempt()
        expect(response.status).to.equal(lie === 'another-state' ? 400 : 403)
        expect(await response.text()).to.contain('You are not signed in')
        expect(await tokens()).to.equal(before)
        expect((await browser.send(`${portal.url}/example/sign_in/client_redirect`)).status).to.equal(400)
      })
    }

    it('S3 a rotation of a provider’s keys locks nobody out: at worst one page to try again', async () => {
      expect((await attempt()).status).to.equal(200)
      forging.rotateKey()
      browser = new Browser()
      const first = await attempt()
      if (first.status !== 200) expect(await first.text()).to.contain('Try again')
      browser = new Browser()
      expect((await attempt()).status).to.equal(200)
    })
  })
})
