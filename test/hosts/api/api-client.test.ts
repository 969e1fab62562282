import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import type { HttpClient, HttpRequest } from '../../../core/runtime/http-client.ts'
import { ApiClient, ApiError } from '../../../hosts/api/index.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'

describe('the client of the REST API', () => {
  let portal: PortalFixture
  let api: ApiClient

  before(async () => {
    portal = await PortalFixture.start()
    api = new ApiClient({ url: `${portal.url}/`, token: portal.token })
  })
  after(async () => portal.stop())

  /** Returns an HTTP client whose first answers, or failures, are these; later requests go to the portal. */
  const failing = (sent: HttpRequest[], ...first: (() => Awaited<ReturnType<HttpClient['send']>>)[]): HttpClient => ({
    send: async (request) => {
      sent.push(request)
      const failure = first.shift()
      if (failure !== undefined) return failure()
      const { status, headers, body } = await portal.api(
        request.method,
        request.url.replace(`${portal.url}/api/v1`, ''),
        request.body,
      )
      return { status, headers: Object.fromEntries(headers), body: Buffer.from(JSON.stringify(body)) }
    },
  })

  it('the client of the API calls operations by name, and goes through lists page by page', async () => {
    const made = []
    for (let at = 0; at < 5; at++) made.push(await api.call('POST /groups', { body: { name: `Group ${at}` } }))
    const names: string[] = []
    for await (const { name } of api.all('GET /groups', { query: { limit: 2, sort: '-name' } })) names.push(name)
    expect(names).to.deep.equal(['Group 4', 'Group 3', 'Group 2', 'Group 1', 'Group 0'])
    const id = made[0]?.id ?? ''
    expect(await api.call('DELETE /groups/{id}', { path: { id } })).to.equal(undefined)
    const filtered = api.all('GET /groups', { query: { id: made.map((group) => group.id) } })
    expect((await filtered.next()).value).to.include({ name: 'Group 1' })
  })

  it('the client of the API throws a refusal with its code, fields and status', async () => {
    const refusal = await api.call('POST /groups', { body: { name: '' } }).catch((error: unknown) => error)
    expect(refusal).to.be.instanceOf(ApiError)
    const { code, status, problem, message } = refusal as ApiError
    expect([code, status, problem.errors?.[0]?.path]).to.deep.equal(['invalid_body', 422, 'name'])
    expect(message).to.match(/422 invalid_body: .*\n {2}name: /s)
    const stranger = new ApiClient({ url: portal.url, token: 'nonsense' })
    expect(await stranger.call('GET /me').catch((error: ApiError) => error.status)).to.equal(401)
  })

  it('the client of the API changes a row only if it still has the version that was read', async () => {
    const { body: site, etag } = await api.send('POST /sites', { body: { name: 'Berlin' } })
    const change = { path: { id: site.id }, ifMatch: etag }
    await api.call('PATCH /sites/{id}', { ...change, body: { name: 'Bonn' } })
    const late = await api
      .call('PATCH /sites/{id}', { ...change, body: { name: 'Rome' } })
      .catch((error: ApiError) => error)
    expect(late).to.include({ code: 'precondition_failed' })
  })

  it('the client of the API sends a creation again after a broken connection, under the same key', async () => {
    const sent: HttpRequest[] = []
    const broken = (): never => {
      throw Object.assign(new Error('cut'), { code: 'ECONNRESET' })
    }
    const http = failing(sent, broken)
    const site = await new ApiClient({ url: portal.url, token: '.', http }).call('POST /sites', {
      body: { name: 'Oslo' },
    })
    expect(site.name).to.equal('Oslo')
    expect(new Set(sent.map(({ headers }) => headers['idempotency-key'])).size).to.equal(1)
    expect(sent[0]?.headers['idempotency-key']).to.match(/^"[0-9a-f-]{36}"$/)
    const change = new ApiClient({ url: portal.url, token: '.', http: failing(sent, broken) })
    const body = { name: 'Riga' }
    const outcome = change.call('PATCH /sites/{id}', { path: { id: site.id }, body })
    expect(await outcome.catch((error: Error) => error.message)).to.equal('cut')
  })

  it('the client of the API waits as long as the portal asks for, and tells what is no portal', async () => {
    const waited: number[] = []
    const full = () => ({
      status: 429,
      headers: { 'retry-after': '2' },
      body: Buffer.from('{"code":"x","detail":"x"}'),
    })
    const html = () => ({ status: 200, headers: {}, body: Buffer.from('<html>') })
    const wait = async (seconds: number): Promise<void> => void waited.push(seconds)
    const client = new ApiClient({ url: portal.url, token: '.', http: failing([], full, html), wait })
    const answer = await client.call('GET /me').catch((error: ApiError) => error)
    expect(answer).to.include({ code: 'not_a_portal' })
    expect(waited).to.deep.equal([2])
  })
})
