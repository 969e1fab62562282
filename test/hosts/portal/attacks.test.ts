import { expect } from 'chai'
import { connect } from 'node:net'
import { after, before, beforeEach, describe, it } from 'mocha'
import { apiEndpoints } from '../../../hosts/portal/web/api/router.ts'
import { Browser } from '../../kit/browser.ts'
import { ControlPeer, type ConnectRefused } from '../../kit/control-peer.ts'
import { codeIn, MailSink } from '../../kit/mail-sink.ts'
import { isCallback, OPENID_CLIENT } from '../../kit/openid-provider.ts'
import { ForgingProvider } from '../../kit/forging-provider.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'
import { slowHashesDuring } from '../../kit/slow-hashes.ts'

const nonce = '0123456789abcdef'.repeat(4)
const state = 'fedcba9876543210'.repeat(4)
const gui = `as=gui-client&nonce=${nonce}&state=${state}`

/** Leaves out the paths of refused calls in the audit trail: the caller who reads them has sent them. */
const withoutOwnPaths = (_: string, value: unknown): unknown =>
  isRefusedCall(value) ? { ...value, details: { ...value.details, path: undefined } } : value

const isRefusedCall = (value: unknown): value is { details: { path: string } } =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'api_call'

/** Each attack runs over real HTTP against the portal as it is deployed. */
describe('attacks on the portal', function () {
  this.timeout(300_000)
  let portal: PortalFixture
  let provider: ForgingProvider
  let sink: MailSink
  let ids: { openid: string; email: string }
  let browser: Browser

  before(async () => {
    sink = await MailSink.start()
    provider = await ForgingProvider.start() // an honest one, which accepts a code more than once
    const smtp = { host: '127.0.0.1', port: sink.port, tls: 'never' }
    portal = await PortalFixture.start({
      config: {
        timeouts: { headers_seconds: 1, request_seconds: 2 },
        plugins: [
          { use: 'builtin:identity-oidc' },
          { use: 'builtin:identity-email-otp', config: { smtp, from: 'Portreeve <portreeve@example.org>' } },
          { use: 'builtin:condition-remote-ip' },
          { use: 'builtin:selector-random' },
        ],
      },
    })
    ids = { openid: (await addOpenid(portal)).id, email: (await addEmail(portal)).id }
    const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    for (const [identity_provider_id, issuer, subject] of [
      [ids.openid, provider.issuer, 'ada'],
      [ids.email, 'email', 'ada@example.org'],
    ])
      await portal.create('/identities', { actor_id: ada.id, identity_provider_id, issuer, subject })
  })
  after(async () => {
    await portal?.stop()
    await provider?.stop()
    await sink?.stop()
  })
  beforeEach(() => {
    browser = new Browser()
  })

  const addOpenid = async (to: PortalFixture): Promise<{ id: string }> =>
    to.create('/identity_providers', {
      name: 'Example ID',
      type: 'oidc',
      settings: {
        issuer: provider.issuer,
        client_id: OPENID_CLIENT.id,
        client_secret: OPENID_CLIENT.secret,
        allow_http: true,
      },
    })
  const addEmail = async (to: PortalFixture): Promise<{ id: string }> =>
    to.create('/identity_providers', { name: 'E-mail', type: 'email-otp' })

  const callbackOf = async (query: string, by = browser): Promise<string> =>
    by.follow(`${portal.url}/example/sign_in/oidc/${ids.openid}?${query}`, { until: isCallback, login: 'ada' })
  const signIn = async (query = '', by = browser): Promise<Response> =>
    by.accept(await by.send(await callbackOf(query, by)))
  const field = (page: string, name: string): string =>
    new RegExp(`name="${name}" value="([^"]*)"`).exec(page)?.[1] ?? ''
  const tokensOf = async (): Promise<number> =>
    (await portal.api('GET', '/tokens?limit=100')).body.data.length as number

  /** Requests a code by mail for an address; returns the page for entering it. */
  const askForCode = async (email: string, by = browser): Promise<string> => {
    const url = `${portal.url}/example/sign_in/email-otp/${ids.email}`
    const first = await (await by.send(`${url}?${gui}`)).text()
    return (await by.send(url, { form: { sign_in: field(first, 'sign_in'), email } })).text()
  }
  const enterCode = async (page: string, code: string, by = browser): Promise<Response> =>
    by.send(`${portal.url}/example/sign_in/email-otp/${ids.email}`, { form: { sign_in: field(page, 'sign_in'), code } })

  it('CSRF: no form of a session does anything without its token, with another session’s, or from another site', async () => {
    await signIn()
    const own = field(await (await browser.send(`${portal.url}/example/my/sessions`)).text(), 'csrf')
    const other = new Browser()
    await signIn('', other)
    const foreign = field(await (await other.send(`${portal.url}/example/my/sessions`)).text(), 'csrf')
    expect(foreign)
      .to.match(/^[\w-]{20,}$/)
      .and.not.equal(own)
    const forms = [
      '/example/sign_out',
      '/example/my/api_tokens',
      `/example/my/tokens/${ids.openid}/revoke`,
      `/example/my/sessions/${'0'.repeat(64)}/end`,
    ]
    for (const path of forms) {
      for (const csrf of ['', 'guessed', foreign]) {
        const response = await browser.send(`${portal.url}${path}`, { form: { csrf } })
        expect(response.status, `${path} ${csrf}`).to.equal(403)
      }
      for (const site of ['cross-site', 'same-site']) {
        const response = await browser.send(`${portal.url}${path}`, {
          form: { csrf: own },
          headers: { 'sec-fetch-site': site },
        })
        expect(response.status, `${path} ${site}`).to.equal(403)
      }
    }
    expect((await browser.send(`${portal.url}/example/home`)).status, 'still signed in').to.equal(200)
    for (const path of forms) {
      const got = await browser.send(`${portal.url}${path}`)
      expect(got.status, `${path} by GET`).to.be.oneOf([302, 404, 405])
    }
    expect((await browser.send(`${portal.url}/example/home`)).status).to.equal(200)
  })

  it('CSRF: an answer to a sign-in’s form counts in the browser only that was shown the form', async () => {
    const before = sink.mails.length
    const page = await askForCode('ada@example.org')
    const code = codeIn(await sink.mail(before))
    const victim = new Browser()
    expect((await enterCode(page, code, victim)).status).to.equal(400)
    expect((await enterCode(page.replaceAll(/name="sign_in" value="[^"]*"/g, ''), code)).status).to.equal(400)
    // A link that a victim opens is no answer, and costs no attempt.
    const query = new URLSearchParams({ sign_in: field(page, 'sign_in'), code })
    const got = await browser.send(`${portal.url}/example/sign_in/email-otp/${ids.email}?${query.toString()}`)
    expect(await got.text()).not.to.contain('You are signed in')
    expect(await (await browser.accept(await enterCode(page, code))).text()).to.contain('You are signed in')
  })

  it('open redirect: neither before nor after the sign-in to anywhere but the account, the client, and the provider', async () => {
    const evils = [
      'https://evil.example/',
      '//evil.example',
      '/\\evil.example',
      '/example/../evil',
      '/examples',
      'javascript:alert(1)',
      '/example\r\nSet-Cookie: x=y',
    ]
    for (const evil of evils) {
      const after = await signIn(`redirect_to=${encodeURIComponent(evil)}`, new Browser())
      expect(after.headers.get('location'), evil).to.equal('/example/home')
      for (const path of ['/', '/example', '/example/sign_in', '/example/home', '/example/my/access']) {
        const url = `${portal.url}${path}?redirect_to=${encodeURIComponent(evil)}&callback=${encodeURIComponent(evil)}&account=example`
        const location = new URL((await new Browser().send(url)).headers.get('location') ?? '/', portal.url)
        expect(location.origin, `${path} ${evil}`).to.equal(portal.url)
      }
    }
  })

  it('session fixation: a cookie that was planted before the sign-in is worth nothing after it', async () => {
    const planted = 'A'.repeat(43)
    const callback = await callbackOf('')
    const response = await browser.send(callback, { headers: {} })
    expect(response.status).to.equal(302)
    const victim = new Browser()
    const victimCallback = await callbackOf('', victim)
    const cookies = [...victim.cookies(portal.url)].map(([name, value]) => `${name}=${value}`).join('; ')
    const signed = await fetch(victimCallback, {
      redirect: 'manual',
      headers: { cookie: `${cookies}; portreeve_session=${planted}` },
    })
    const fresh = /portreeve_session=([^;]+)/.exec(signed.headers.getSetCookie().join('\n'))?.[1]
    expect(fresh)
      .to.match(/^[\w-]{43}$/)
      .and.not.equal(planted)
    const home = await fetch(`${portal.url}/example/home`, {
      redirect: 'manual',
      headers: { cookie: `portreeve_session=${planted}` },
    })
    expect(home.status).to.equal(302)
  })

  it('replayed callback: it counts once, even with a copy of the cookie and a provider that takes the code twice', async () => {
    const callback = await callbackOf(gui)
    const cookie = [...browser.cookies(portal.url)].map(([name, value]) => `${name}=${value}`).join('; ')
    const before = await tokensOf()
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => fetch(callback, { redirect: 'manual', headers: { cookie } })),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).to.deep.equal([200, 400, 400, 400])
    expect((await fetch(callback, { headers: { cookie } })).status).to.equal(400)
    expect(await tokensOf(), 'an answer makes no token').to.equal(before)
    const asked = answers.find(({ status }) => status === 200)
    const approval = asked?.headers.getSetCookie().find((line) => line.startsWith('portreeve_approval_')) ?? ''
    const body = new URLSearchParams({ sign_in: field((await asked?.text()) ?? '', 'sign_in') })
    const approve = async () =>
      fetch(`${portal.url}/example/sign_in/approve`, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie: approval.split(';')[0] ?? '' },
        body,
      })
    const approved = await Promise.all(Array.from({ length: 4 }, approve))
    expect(approved.map(({ status }) => status).toSorted((a, b) => a - b)).to.deep.equal([200, 400, 400, 400])
    expect(await tokensOf()).to.equal(before + 1)
  })

  it('S4 code guessing: three attempts, in whatever order and however many at once; then not even the right code', async () => {
    const before = sink.mails.length
    await portal.create('/actors', { name: 'Grace', email: 'grace@example.org' })
    const page = await askForCode('grace@example.org')
    const code = codeIn(await sink.mail(before))
    const cookie = [...browser.cookies(portal.url)].map(([name, value]) => `${name}=${value}`).join('; ')
    const guess = async (text: string): Promise<string> =>
      (
        await fetch(`${portal.url}/example/sign_in/email-otp/${ids.email}`, {
          method: 'POST',
          headers: { cookie },
          body: new URLSearchParams({ sign_in: field(page, 'sign_in'), code: text }),
        })
      ).text()
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => guess(`AAAAA${'ACDEFGHJ'[index] ?? 'A'}`)),
    )
    expect(answers.filter((text) => text.includes('left')).length).to.be.at.most(2)
    expect(await guess(code)).to.contain('This code is over')
  })

  it('S4 timing of unknown addresses: the same page and the same slow work, and no answer waits for a mail', async () => {
    const mails = sink.mails.length
    const pages: string[] = []
    const hashes: number[] = []
    const release = sink.hold()
    try {
      for (const name of ['kim', 'nobody', 'kit', 'nobody-else']) {
        const email = `${name}@example.org`
        if (!name.startsWith('nobody')) await portal.create('/actors', { name, email })
        const by = new Browser()
        hashes.push(
          await slowHashesDuring(async () => {
            const page = await askForCode(email, by)
            pages.push(page.replaceAll(email, 'X').replaceAll(/value="[^"]*"/g, ''))
          }),
        )
      }
      expect(new Set(pages).size).to.equal(1)
      expect(hashes).to.deep.equal([1, 1, 1, 1])
      expect(sink.mails.length).to.equal(mails)
    } finally {
      release()
    }
    await sink.mailTo('kim@example.org')
    await sink.mailTo('kit@example.org')
    expect(sink.mails.length).to.equal(mails + 2)
  })

  it('token in a Referer: pages say that no address of theirs is to be passed on, and none has a token in its address', async () => {
    for (const path of ['/', '/example', '/example/sign_in', '/nowhere', '/assets/portal.css']) {
      expect((await browser.send(`${portal.url}${path}`)).headers.get('referrer-policy'), path).to.equal('no-referrer')
    }
    const done = await signIn(`as=headless-client&nonce=${nonce}&state=${state}`)
    expect(done.headers.get('referrer-policy')).to.equal('no-referrer')
    const page = await done.text()
    const token = /<textarea[^>]*>([^<]+)</.exec(page)?.[1] ?? ''
    expect(token).to.match(/^\.[\w.-]{80,}$/)
    expect(page.split(token)).to.have.length(2) // only in the field to copy from, in no address
    expect(done.headers.get('cache-control')).to.equal('no-store')
  })

  it('nonce reuse: a second sign-in with a known nonce gives another token, and neither fragment opens the other', async () => {
    const fragments: string[] = []
    for (let round = 0; round < 2; round++) {
      const by = new Browser()
      await signIn(gui, by)
      const url = new URL(
        (await by.send(`${portal.url}/example/sign_in/client_redirect`)).headers.get('location') ?? '',
      )
      fragments.push(url.searchParams.get('fragment') ?? '')
    }
    const [first = '', second = ''] = fragments
    expect(first).not.to.equal(second)
    const [, body = ''] = first.split('.')
    const [, , signature = ''] = second.split('.')
    const connects = async (token: string): Promise<number> =>
      ControlPeer.connect({ url: portal.url, role: 'client', token }).then(
        (peer) => {
          peer.close()
          return 101
        },
        (error: { cause: ConnectRefused }) => error.cause.status,
      )
    for (const wrong of [`${nonce}.${body}.${signature}`, `${state}${first}`, second, `${nonce}${nonce}${second}`])
      expect(await connects(wrong), wrong).to.equal(401)
    for (const fragment of fragments) expect(await connects(nonce + fragment)).to.equal(101)
    // A client's token opens nothing else.
    expect((await portal.api('GET', '/sites', undefined, nonce + first)).status).to.equal(401)
  })

  it('account crossing: no route shows, changes or names anything of another account', async () => {
    const other = await portal.addAccount('other')
    const site = await portal.create('/sites', { name: 'Crossed' })
    const group = await portal.create('/groups', { name: 'Crossed' })
    const actor = await portal.create('/actors', { name: 'Crossed', email: 'crossed@example.org', type: 'admin' })
    const resource = await portal.create('/resources', {
      name: 'Crossed',
      type: 'dns',
      address: 'crossed.example.org',
      site_id: site.id,
    })
    const policy = await portal.create('/policies', { group_id: group.id, resource_id: resource.id })
    const token = await portal.create(`/actors/${actor.id}/api_tokens`)
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [actor.id] })
    const rows: Record<string, string> = {
      sites: site.id,
      groups: group.id,
      actors: actor.id,
      resources: resource.id,
      policies: policy.id,
      identity_providers: ids.openid,
      tokens: token.id,
    }
    const bodies: Record<string, object> = {
      '/resources': { name: 'Mine', type: 'dns', address: 'mine.example.org', site_id: site.id },
      '/policies': { group_id: group.id, resource_id: resource.id },
      '/groups/:id/memberships': { actor_ids: [actor.id] },
      '/policies/explain': { actor: actor.id, resource: resource.id },
    }
    const trail = async (): Promise<string> =>
      JSON.stringify((await portal.api('GET', '/audit_log?limit=100')).body.data)
    const before = await trail()
    const document = (await (await fetch(`${portal.url}/openapi.json`)).json()) as { paths: Record<string, object> }
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
    )
    expect(routes.length).to.equal(apiEndpoints({} as Parameters<typeof apiEndpoints>[0]).length)
    for (const { method, path } of routes) {
      const template = path.replaceAll(/\{(\w+)\}/g, ':$1')
      const named = [...new Set(Object.values(rows))]
      const nobodys = 'a0a0a0a0-0000-4000-8000-000000000000'
      const targets = template.includes(':id')
        ? [rows[template.split('/')[1] ?? ''] ?? named[0] ?? '', nobodys].map((id) => template.replace(':id', id))
        : [template]
      for (const target of targets) {
        const body = method === 'GET' || method === 'DELETE' ? undefined : (bodies[template] ?? {})
        const answer = await portal.api(method, target, body, other.token)
        const text = JSON.stringify(answer.body ?? '', withoutOwnPaths)
        for (const id of named.filter((one) => !target.includes(one)))
          expect(text, `${method} ${target}`).not.to.contain(id)
        expect(text, `${method} ${target}`).not.to.contain('Crossed')
        // A request with a body may be refused for that first; the list of an object with a foreign id is not found
        // either.
        const refusals = body === undefined ? [404] : [404, 422]
        if (template.includes(':id')) expect(answer.status, `${method} ${target}`).to.be.oneOf(refusals)
        if (body !== undefined && template in bodies)
          expect(answer.status, `${method} ${target}`).to.be.oneOf([404, 409, 422])
        expect((await portal.api(method, target, body, null)).status, `${method} ${target} without a token`).to.equal(
          401,
        )
      }
    }
    expect(await trail()).to.equal(before)
    // A session of one account opens no page of another.
    await signIn()
    for (const path of ['/other/home', '/other/my/access', '/other/my/sessions'])
      expect((await browser.send(`${portal.url}${path}`)).status, path).to.equal(302)
  })

  it('account crossing: nobody ends another person’s session, or revokes another’s token, on her own pages', async () => {
    await signIn()
    const csrf = field(await (await browser.send(`${portal.url}/example/my/sessions`)).text(), 'csrf')
    const admins = (await portal.api('GET', `/actors/${portal.admin.id}/api_tokens`)).body.data as { id: string }[]
    const revoked = await browser.send(`${portal.url}/example/my/tokens/${admins[0]?.id ?? ''}/revoke`, {
      form: { csrf },
    })
    expect(revoked.status).to.equal(404)
    expect((await portal.api('GET', '/sites')).status).to.equal(200)
    const made = await browser.send(`${portal.url}/example/my/api_tokens`, { form: { csrf, name: 'x', days: '1' } })
    expect(made.status).to.equal(403)
    expect(
      (await browser.send(`${portal.url}/example/my/sessions/${'f'.repeat(64)}/end`, { form: { csrf } })).status,
    ).to.equal(404)
  })

  it('mass assignment: a field that is not the caller’s to set is refused, and none is set', async () => {
    const extras = [
      'id',
      'account_id',
      'created_at',
      'hash',
      'salt',
      'is_connected',
      'psk_base',
      'kind',
      '__proto__',
      'constructor',
    ]
    for (const extra of extras) {
      const body = `{"name":"Massed","${extra}":"00000000-0000-4000-8000-000000000000"}`
      for (const path of ['/sites', '/groups', '/actors', `/actors/${portal.admin.id}/api_tokens`]) {
        const answer = await portal.api('POST', path, body)
        const id = (answer.body as { id?: string }).id
        expect(id, `${path} ${extra}`).not.to.equal('00000000-0000-4000-8000-000000000000')
        // `__proto__` in JSON is an own property that the schema drops or refuses: never a prototype.
        if (extra !== '__proto__') expect(answer.status, `${path} ${extra}`).to.equal(422)
        else if (id !== undefined)
          await portal.api(
            'DELETE',
            `${path === '/sites' || path === '/groups' || path === '/actors' ? path : '/tokens'}/${id}`,
          )
      }
    }
    expect(({} as Record<string, unknown>)['name']).to.equal(undefined)
    const page = await askForCode('ada@example.org').catch(() => '')
    const answer = await browser.send(`${portal.url}/example/sign_in/email-otp/${ids.email}`, {
      form: {
        sign_in: field(page, 'sign_in'),
        address: 'admin@example.org',
        challenge: 'x',
        identified: 'true',
        code: 'x',
      },
    })
    expect(answer.status).to.equal(200) // the code is wrong, and nothing else was read
  })

  it('oversized bodies are refused by their size, and the portal goes on', async () => {
    const big = 'x'.repeat(140_000)
    expect((await portal.api('POST', '/sites', { name: big })).status).to.equal(413)
    const form = await browser.send(`${portal.url}/example/sign_in/emergency`, { form: { code: big } })
    expect(form.status).to.equal(413)
    const header = await fetch(`${portal.url}/example`, { headers: { 'x-big': 'x'.repeat(20_000) } })
    expect(header.status).to.equal(431)
    expect(
      (await fetch(`${portal.url}/example?state=${'x'.repeat(9_000)}&as=gui-client&nonce=${nonce}`)).status,
    ).to.equal(400)
    expect((await fetch(`${portal.url}/healthz`)).status).to.equal(200)
  })

  it('SQL injection: text is only text, wherever it can be put', async () => {
    const evils = [
      `'; DROP TABLE tokens; --`,
      `" OR "1"="1`,
      `') OR ('1'='1`,
      `%' OR details LIKE '%`,
      `\\'; SELECT pg_sleep(10); --`,
    ]
    for (const evil of evils) {
      const site = await portal.create('/sites', { name: `Site ${evil}` })
      expect((await portal.api('GET', `/sites/${site.id}`)).body.name).to.equal(`Site ${evil}`)
      expect((await portal.api('GET', `/sites/${encodeURIComponent(evil)}`)).status).to.equal(404)
      expect((await portal.api('GET', `/audit_log?cursor=${encodeURIComponent(evil)}`)).status).to.equal(400)
      expect((await browser.send(`${portal.url}/${encodeURIComponent(evil)}`)).status).to.equal(404)
      expect((await browser.send(`${portal.url}/example/sign_in/oidc/${encodeURIComponent(evil)}`)).status).to.equal(
        404,
      )
      await askForCode(`ada${evil}@example.org`)
      expect((await browser.send(`${portal.url}/example/sign_in/emergency`, { form: { code: evil } })).status).to.equal(
        403,
      )
      const cookie = `portreeve_session=${encodeURIComponent(evil)}`
      expect((await fetch(`${portal.url}/example/home`, { headers: { cookie }, redirect: 'manual' })).status).to.equal(
        302,
      )
    }
    expect(await tokensOf()).to.be.greaterThan(0)
  })

  it('header injection: no mail, cookie or answer gets a line that somebody typed', async () => {
    const mails = sink.mails.length
    for (const evil of [
      'ada@example.org\r\nBcc: evil@example.org',
      'ada@example.org, evil@example.org',
      '"x" <evil@example.org>',
      'ada@example.org%0d%0aBcc:evil@example.org',
    ]) {
      expect(await askForCode(evil), evil).to.contain('not an e-mail address')
    }
    expect(sink.mails.length).to.equal(mails)
    for (const path of [
      '/example%0d%0aSet-Cookie:x=y',
      `/example?${gui}&x=%0d%0aSet-Cookie:x=y`,
      '/?account=example%0d%0aSet-Cookie:x=y',
    ]) {
      const response = await fetch(`${portal.url}${path}`, { redirect: 'manual' })
      expect(response.headers.getSetCookie().join(), path).not.to.match(/x=y/)
    }
  })

  it('slow bodies and headers are cut off by the clock, while others are served', async () => {
    const openings = [
      'POST /example/sign_in/emergency HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ncode=',
      'GET /example HTTP/1.1\r\nHost: x\r\nX-Slow: ',
    ]
    const cut = openings.flatMap((opening) =>
      Array.from({ length: 20 }, () => {
        const { hostname, port } = new URL(portal.url)
        const socket = connect(Number(port), hostname, () => socket.write(opening))
        const drip = setInterval(() => socket.write('x'), 200)
        socket.on('error', () => undefined).on('data', () => undefined)
        return new Promise((resolve) => {
          socket.on('close', () => {
            clearInterval(drip)
            resolve(undefined)
          })
        })
      }),
    )
    expect((await fetch(`${portal.url}/example/sign_in`)).status).to.equal(200)
    await Promise.all(cut)
    expect((await fetch(`${portal.url}/example/sign_in`)).status).to.equal(200)
  })

  it('a flood of sign-in starts: the address that sends it is told to wait, and others are let in', async () => {
    const small = await PortalFixture.start({
      config: {
        rate_limit: { burst: 1_000, per_second: 1_000, sign_in_burst: 20, sign_in_per_second: 0.1 },
        trusted_proxies: ['127.0.0.1'],
        plugins: [{ use: 'builtin:identity-oidc' }],
      },
    })
    try {
      const openid = await addOpenid(small)
      const begin = async (from: string): Promise<Response> =>
        fetch(`${small.url}/example/sign_in/oidc/${openid.id}?${gui}`, {
          redirect: 'manual',
          headers: { 'x-forwarded-for': from },
        })
      const flood = await Promise.all(Array.from({ length: 200 }, () => begin('192.0.2.1')))
      const refused = flood.filter(({ status }) => status === 429)
      expect(refused.length).to.be.within(175, 180)
      expect(Number(refused[0]?.headers.get('retry-after'))).to.be.within(1, 11)
      expect((await begin('192.0.2.2')).status).to.equal(302)
      // One subscriber has 2^64 addresses of IPv6, and one allowance.
      const six = await Promise.all(Array.from({ length: 60 }, (_, index) => begin(`2001:db8::${index + 1}`)))
      expect(six.filter(({ status }) => status === 429).length).to.be.at.least(35)
      expect((await begin('2001:db8:0:1::1')).status).to.equal(302)
    } finally {
      await small.stop()
    }
  })
})
