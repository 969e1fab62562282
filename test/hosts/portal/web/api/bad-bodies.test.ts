import { expect } from 'chai'
import * as fc from 'fast-check'
import { after, before, describe, it } from 'mocha'
import { z } from 'zod'
import { apiEndpoints } from '../../../../../hosts/portal/web/api/router.ts'
import { anyText } from '../../../../kit/any-text.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const RUNS = 40
const JSON_TYPE = 'application/json'

/** Every operation that takes a body; none is run. */
const writing = apiEndpoints({ providers: new Map(), conditions: new Map(), selectors: new Map() } as never).filter(
  ({ body }) => body !== undefined,
)

describe('the REST API, sent anything', () => {
  let portal: PortalFixture
  let ids: Record<string, string>
  before(async () => {
    portal = await PortalFixture.start()
    const site = await portal.create('/sites', { name: 'Main' })
    const group = await portal.create('/groups', { name: 'Staff' })
    const resource = await portal.create('/resources', {
      name: 'Net',
      type: 'cidr',
      address: '10.0.0.0/8',
      site_id: site.id,
    })
    const policy = await portal.create('/policies', { group_id: group.id, resource_id: resource.id })
    const settings = { issuer: 'https://id.example.org', client_id: 'portreeve' }
    const provider = await portal.create('/identity_providers', { name: 'OIDC', type: 'oidc', settings })
    const actor = await portal.create('/actors', { name: 'Ada' })
    ids = {
      sites: site.id,
      groups: group.id,
      resources: resource.id,
      policies: policy.id,
      identity_providers: provider.id,
      actors: actor.id,
    }
  })
  after(async () => portal.stop())

  const pathOf = (path: string): string =>
    path.replace(
      /^\/(\w+)\/:id/,
      (_, name: string) => `/${name}/${ids[name] ?? '00000000-0000-4000-8000-000000000000'}`,
    )

  const expectReason = (answer: { status: number; body: unknown }, sent: string): void => {
    expect(answer.status, sent).to.be.below(500)
    if (answer.status >= 400) {
      expect(answer.body, sent)
        .to.have.property('code')
        .that.matches(/^[a-z_]+$/)
      expect(JSON.stringify(answer.body), sent).not.to.match(/\.[jt]s:\d|SQLITE|node_modules/)
    }
  }

  for (const { method, path, body } of writing) {
    it(`${method} ${path} answers every JSON with a reason`, async () => {
      const schema = z.toJSONSchema(body ?? z.never(), { io: 'input' }) as { properties?: Record<string, unknown> }
      const field = fc.constantFrom(...Object.keys(schema.properties ?? {}), 'x', '__proto__', 'constructor')
      const value = fc.oneof(
        fc.jsonValue(),
        anyText(),
        fc.constantFrom('dns', 'cidr', 'oidc', 'random', 'admin', '10.0.0.0/8', 'a@example.org', '\u0000', '\ud800'),
        fc.constantFrom(...Object.values(ids)),
        fc.constantFrom(true, null, -1, 1e308, [], {}, [{}], [null]),
      )
      const any = fc.oneof(
        { weight: 4, arbitrary: fc.dictionary(field, value) },
        { weight: 1, arbitrary: fc.jsonValue() },
      )
      await fc.assert(
        fc.asyncProperty(any, async (sent) => {
          const text = JSON.stringify(sent)
          expectReason(await portal.api(method, pathOf(path), text), text)
        }),
        { numRuns: RUNS },
      )
    })
  }

  it('the REST API answers bytes that are no JSON, too many, or of another type, with a reason', async () => {
    const send = async (body: Uint8Array | string, type = JSON_TYPE) => {
      const response = await fetch(`${portal.url}/api/v1/groups`, {
        method: 'POST',
        headers: { authorization: `Bearer ${portal.token}`, 'content-type': type },
        body,
      })
      return { status: response.status, body: await response.json() }
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        expectReason(await send(bytes), String(bytes))
      }),
      { numRuns: RUNS },
    )
    expect(await send(JSON.stringify({ name: 'x'.repeat(140_000) }))).to.have.nested.property(
      'body.code',
      'body_too_large',
    )
    expect(await send('{"name":"x"}', 'text/plain')).to.have.nested.property('body.code', 'unsupported_media_type')
    expect(await send('{"name":')).to.have.nested.property('body.code', 'malformed_body')
  })

  it('the REST API answers every path, query and header with a reason', async () => {
    const segment = fc.oneof(fc.string(), fc.constantFrom('sites', 'groups', 'tokens', '..', '%00', ids['sites'] ?? ''))
    // A URL's parser takes `..` for the folder above, and so may leave the API for a page.
    const staysBelow = (parts: string[]): boolean =>
      new URL(`http://x/api/v1/${parts.join('/')}`).pathname.startsWith('/api/v1/')
    const path = fc
      .array(segment, { maxLength: 4 })
      .map((parts) => parts.map(encodeURIComponent))
      .filter(staysBelow)
      .map((parts) => parts.join('/'))
    const query = fc.dictionary(fc.constantFrom('limit', 'cursor', 'x'), fc.string())
    const token = fc.oneof(fc.constant(portal.token), fc.stringMatching(/^[\w.~+/-]*$/))
    await fc.assert(
      fc.asyncProperty(path, query, token, async (path, query, token) => {
        const sent = `/${path}?${new URLSearchParams(query).toString()}`
        expectReason(await portal.api('GET', sent, undefined, token), sent)
      }),
      { numRuns: 100 },
    )
  })
})
