import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { apiEndpoints } from '../../../../../hosts/portal/web/api/router.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const NOBODY = 'a0a0a0a0-0000-4000-8000-000000000000'
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

describe('the REST API, by RFC 9110', () => {
  let portal: PortalFixture
  before(async () => {
    portal = await PortalFixture.start()
  })
  after(async () => portal.stop())

  const send = async (
    method: string,
    path: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: string | Uint8Array } = {},
  ) =>
    fetch(`${portal.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${portal.token}`, ...headers },
      ...(body === undefined ? {} : { body }),
    })
  const bodyOf = async (answer: Response) => (await answer.json()) as { code?: string; name?: string }
  const sendJson = async (path: string, body: string | Uint8Array, type = 'application/json') =>
    send('POST', `/api/v1${path}`, { headers: { 'content-type': type }, body })

  it('the REST API names the methods of every path, where it is asked for another one', async () => {
    const allowed = new Map<string, Set<string>>(
      ['/openapi.json', '/healthz', '/readyz', '/metrics'].map((path) => [path, new Set(['GET'])]),
    )
    for (const { path, method } of apiEndpoints({
      providers: new Map(),
      conditions: new Map(),
      selectors: new Map(),
    } as never)) {
      const concrete = `/api/v1${path.replace(':id', NOBODY)}`
      allowed.set(concrete, (allowed.get(concrete) ?? new Set()).add(method))
    }
    for (const [path, methods] of allowed) {
      for (const method of METHODS.filter((each) => !methods.has(each))) {
        const refused = await send(method, path)
        expect(refused.status, `${method} ${path}`).to.equal(405)
        const said = (refused.headers.get('allow') ?? '').split(', ')
        expect(said, `${method} ${path}`).to.include.members([...methods])
        expect(said).not.to.include(method)
        expect(await refused.json()).to.include({ code: 'method_not_allowed' })
      }
    }
  })

  it('the REST API knows a path by its own letters only', async () => {
    for (const path of [
      '/API/v1/account',
      '/api/V1/account',
      '/api/v1/Account',
      '/api/v1/account/',
      '/api/v1//account',
    ]) {
      expect((await send('GET', path)).status, path).to.equal(404)
    }
  })

  it('the REST API refuses an unknown query, or one that is written in another way, on every route', async () => {
    const endpoints = apiEndpoints({ providers: new Map(), conditions: new Map(), selectors: new Map() } as never)
    for (const { method, path } of endpoints) {
      const answer = await send(method, `/api/v1${path.replace(':id', NOBODY)}?limitt=5`)
      expect([answer.status, (await bodyOf(answer)).code], `${method} ${path}`).to.deep.equal([400, 'invalid_query'])
    }
    for (const limit of ['0x10', '1e1', '+5', '%205', '5%20', '05', '5.0', '', '0', '101', '٥', '5&limit=6']) {
      expect((await send('GET', `/api/v1/sites?limit=${limit}`)).status, limit).to.equal(400)
    }
    expect((await send('GET', '/api/v1/sites?limit=5')).status).to.equal(200)
  })

  it('the REST API says where a created object is', async () => {
    const made = await sendJson('/groups', '{"name":"Located"}')
    const { id } = (await made.json()) as { id: string }
    expect(made.headers.get('location')).to.equal(`/api/v1/groups/${id}`)
    expect((await send('GET', made.headers.get('location') ?? '')).status).to.equal(200)
    const token = await portal.api('POST', `/actors/${portal.admin.id}/client_tokens`, {})
    expect(token.headers.get('location')).to.equal(`/api/v1/tokens/${token.body.id}`)
  })

  it('the REST API does not send again what the asker has: a row, a list, the description', async () => {
    const { id } = await portal.create('/groups', { name: 'Cached' })
    for (const path of [`/api/v1/groups/${id}`, '/api/v1/groups', '/api/v1/account', '/openapi.json']) {
      const first = await send('GET', path)
      const etag = first.headers.get('etag') ?? ''
      const again = await send('GET', path, { headers: { 'if-none-match': `"other", W/${etag}` } })
      expect([again.status, await again.text()], path).to.deep.equal([304, ''])
    }
    const etag = (await send('GET', `/api/v1/groups/${id}`)).headers.get('etag') ?? ''
    await portal.api('PATCH', `/groups/${id}`, { name: 'Cached, changed' })
    expect((await send('GET', `/api/v1/groups/${id}`, { headers: { 'if-none-match': etag } })).status).to.equal(200)
  })

  it('the REST API names the row in the way, once', async () => {
    const { id } = await portal.create('/groups', { name: 'Taken' })
    const other = await portal.create('/groups', { name: 'Free' })
    for (const refused of [
      await portal.api('POST', '/groups', { name: 'Taken' }),
      await portal.api('PATCH', `/groups/${other.id}`, { name: 'Taken' }),
    ]) {
      expect(refused.body).to.deep.equal({
        type: 'about:blank',
        title: 'Conflict',
        status: 409,
        code: 'conflict',
        detail: `Another one, ${id}, has the same name.`,
        conflicting_id: id,
        request_id: refused.headers.get('x-request-id'),
      })
    }
  })

  it('the REST API lets one of two changes of a secret through that rest on the same version, and shows it in no ETag', async () => {
    const settings = { issuer: 'https://id.example.org', client_id: 'portreeve', client_secret: 'one' }
    const provider = await portal.create('/identity_providers', { name: 'Secret', type: 'oidc', settings })
    const path = `/api/v1/identity_providers/${provider.id}`
    const seen = (await send('GET', path)).headers.get('etag') ?? ''
    const change = async (client_secret: string) =>
      send('PATCH', path, {
        headers: { 'content-type': 'application/json', 'if-match': seen },
        body: JSON.stringify({ settings: { ...settings, client_secret } }),
      })
    expect((await change('two')).status).to.equal(200)
    const second = await change('three')
    expect(second.status).to.equal(412)
    expect(await second.json()).to.include({ title: 'Precondition failed', code: 'precondition_failed' })
  })

  it('the REST API does not mention a missing secret where the address is missing', async () => {
    const settings = { issuer: 'https://id.example.org', client_id: 'portreeve', client_secret: 'one' }
    const { id } = await portal.create('/identity_providers', { name: 'No issuer', type: 'oidc', settings })
    const refused = await portal.api('PATCH', `/identity_providers/${id}`, { settings: { client_id: 'portal' } })
    expect(refused.body.errors.map(({ path }: { path: string }) => path)).to.deep.equal(['settings.issuer'])
    const moved = { issuer: 'https://evil.example.org', client_id: 'portal' }
    const unsaid = await portal.api('PATCH', `/identity_providers/${id}`, { settings: moved })
    expect(unsaid.body.errors.map(({ path }: { path: string }) => path)).to.deep.equal(['settings.client_secret'])
  })

  it('the REST API refuses bytes that are no UTF-8, and other charsets however they are written', async () => {
    const bytes = (...middle: number[]) =>
      Buffer.concat([Buffer.from('{"name":"'), Buffer.from(middle), Buffer.from('"}')])
    for (const bad of [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe9]]) {
      const refused = await sendJson('/groups', bytes(...bad))
      expect([refused.status, (await bodyOf(refused)).code], String(bad)).to.deep.equal([400, 'malformed_body'])
    }
    for (const charset of [
      'latin1',
      'bogus',
      'utf-16',
      '"iso-8859-1"',
      "utf-8''x",
      'utf-8; charset=latin1',
      '',
      'UTF-7',
    ]) {
      const refused = await sendJson('/groups', '{"name":"Charset"}', `application/json; Charset=${charset}`)
      expect([refused.status, (await bodyOf(refused)).code], charset).to.deep.equal([415, 'unsupported_media_type'])
    }
    for (const [index, charset] of ['utf-8', 'UTF-8', '"utf-8"', 'utf8'].entries()) {
      const taken = await sendJson('/groups', `{"name":"Zoë ${index}"}`, `application/json;charset=${charset}`)
      expect([taken.status, (await bodyOf(taken)).name], charset).to.deep.equal([201, `Zoë ${index}`])
    }
    const form = async (body: string | Uint8Array, type = 'application/x-www-form-urlencoded') =>
      (await send('POST', '/example/sign_in/emergency', { headers: { 'content-type': type }, body })).status
    expect(await form(Buffer.from([0x63, 0x3d, 0xff]))).to.equal(400)
    expect(await form('code=%FF')).to.equal(400)
    expect(await form('code=x', 'application/x-www-form-urlencoded; charset=latin1')).to.equal(415)
    expect(await form('code=100%')).to.equal(403)
  })
})
