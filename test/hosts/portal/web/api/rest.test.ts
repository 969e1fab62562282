import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { apiEndpoints } from '../../../../../hosts/portal/web/api/router.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('the REST API', () => {
  let portal: PortalFixture
  before(async () => {
    portal = await PortalFixture.start()
  })
  after(async () => portal.stop())

  it('the REST API creates, shows, changes, lists and removes', async () => {
    const site = await portal.create('/sites', { name: 'Main' })
    expect(site).to.deep.include({ name: 'Main', selector: 'random', selector_settings: {} })
    expect((await portal.api('GET', `/sites/${site.id}`)).body).to.deep.equal(site)
    const renamed = await portal.api('PATCH', `/sites/${site.id}`, { name: 'Headquarters' })
    const { updated_at } = renamed.body
    expect(renamed.body).to.deep.equal({ ...site, name: 'Headquarters', updated_at })
    expect(Date.parse(updated_at)).to.be.at.least(Date.parse(site.updated_at))
    expect((await portal.api('GET', '/sites')).body).to.deep.equal({
      data: [renamed.body],
      next_cursor: null,
      previous_cursor: null,
      before: 0,
      total: 1,
      total_is_exact: true,
    })
    expect((await portal.api('DELETE', `/sites/${site.id}`)).status).to.equal(204)
    const gone = await portal.api('GET', `/sites/${site.id}`)
    expect(gone.status).to.equal(404)
    expect(gone.headers.get('content-type')).to.match(/^application\/problem\+json/)
    expect(gone.body).to.include({ status: 404, code: 'not_found' })
  })

  it('the REST API tells the whole story of a policy', async () => {
    const site = await portal.create('/sites', { name: 'Story' })
    const group = await portal.create('/groups', { name: 'Staff' })
    const ada = await portal.create('/actors', { name: 'Ada', email: 'Ada@Example.org' })
    expect(ada).to.deep.include({ type: 'user', email: 'ada@example.org', is_disabled: false })
    const members = await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada.id] })
    expect(members.body.data).to.have.length(1)
    const resource = await portal.create('/resources', {
      name: 'Wiki',
      type: 'dns',
      address: 'Wiki.internal.example.org',
      site_id: site.id,
      filters: [{ protocol: 'tcp', ports: ['443', '8000-8999'] }],
      ip_stack: 'dual',
    })
    expect(resource).to.deep.include({ address: 'wiki.internal.example.org', site_id: site.id })
    const policy = await portal.create('/policies', {
      group_id: group.id,
      resource_id: resource.id,
      conditions: [{ condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24'] } }],
    })
    expect(policy.conditions).to.deep.equal([{ condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24'] } }])
    const twice = await portal.api('POST', '/policies', { group_id: group.id, resource_id: resource.id })
    expect(twice).to.have.nested.property('body.code', 'conflict')

    await portal.api('DELETE', `/groups/${group.id}?cascade=true`)
    expect((await portal.api('GET', `/policies/${policy.id}`)).status).to.equal(404)
    const trail = (await portal.api('GET', '/audit_log?limit=100')).body.data as { entity: string; action: string }[]
    expect(trail.map(({ entity, action }) => `${entity} ${action}`)).to.include.members([
      'policies created',
      'policies removed',
      'groups removed',
    ])
  })

  it('M6 the REST API changes the address ranges of an account, refuses those that cannot be, and resources within them', async () => {
    const site = await portal.create('/sites', { name: 'Ranges' })
    const usual = (await portal.api('GET', '/account')).body.address_ranges
    expect(usual).to.include({ devices_ipv4: '100.64.0.0/11', mapped_ipv6: 'fd00:2021:1111:8000::/64' })
    const change = (address_ranges: unknown) => portal.api('PATCH', '/account', { address_ranges })
    const cidr = (address: string) =>
      portal.api('POST', '/resources', { name: address, type: 'cidr', address, site_id: site.id })
    await cidr('10.10.0.0/16')
    for (const [body, path] of [
      [{ devices_ipv4: '10.10.0.0/20' }, 'address_ranges'],
      [{ devices_ipv4: '127.0.0.0/16' }, 'address_ranges.devices_ipv4'],
      [{ mapped_ipv4: '100.64.0.0/11' }, 'address_ranges.mapped_ipv4'],
      [{ mapped_ipv6: 'fe80::/64' }, 'address_ranges.mapped_ipv6'],
      [{ mapped: '10.0.0.0/16' }, 'address_ranges'],
    ] as const) {
      const answer = await change(body)
      expect(answer.status, JSON.stringify(body)).to.equal(422)
      expect(answer.body.errors[0].path).to.equal(path)
    }
    const changed = await change({ devices_ipv4: '10.20.0.0/16' })
    expect(changed.body.address_ranges).to.deep.equal({ ...usual, devices_ipv4: '10.20.0.0/16' })
    const within = await cidr('10.20.7.0/24')
    expect([within.status, within.body.errors[0].message]).to.deep.equal([
      422,
      'is within or around 10.20.0.0/16, the tunnels’ own addresses (address_ranges of the account)',
    ])
    expect((await cidr('100.64.0.0/24')).status, 'the usual ranges are no resource’s either').to.equal(422)
    expect((await change(null)).body.address_ranges).to.deep.equal(usual)
    expect((await cidr('10.20.7.0/24')).status).to.equal(201)
  })

  it('the REST API adds and removes members without touching the others', async () => {
    const group = await portal.create('/groups', { name: 'Choir' })
    const actors = []
    for (const name of ['Bea', 'Cid', 'Dot']) actors.push((await portal.create('/actors', { name })).id)
    const [bea, cid, dot] = actors
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [bea, cid] })
    const answer = await portal.api('PATCH', `/groups/${group.id}/memberships`, { add: [dot], remove: [bea] })
    expect(answer.body.data.map((row: { actor_id: string }) => row.actor_id)).to.have.members([cid, dot])
    const unknown = await portal.api('PATCH', `/groups/${group.id}/memberships`, { add: [group.id] })
    expect(unknown.status).to.equal(422)
  })

  it('the REST API lets the first of two changes through that rest on the same version of a policy, and tells the second', async () => {
    const site = await portal.create('/sites', { name: 'Two' })
    const group = await portal.create('/groups', { name: 'Two' })
    const resource = await portal.create('/resources', {
      name: 'Two',
      type: 'ip',
      address: '192.0.2.2',
      site_id: site.id,
    })
    const { id } = await portal.create('/policies', { group_id: group.id, resource_id: resource.id })
    const seen = (await portal.api('GET', `/policies/${id}`)).headers.get('etag') ?? ''
    const send = (method: string, version: string, body?: object) =>
      fetch(`${portal.url}/api/v1/policies/${id}`, {
        method,
        headers: {
          authorization: `Bearer ${portal.token}`,
          'content-type': 'application/json',
          'if-match': version,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    const strict = { conditions: [{ condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24'] } }] }
    const both = await Promise.all([send('PATCH', seen, strict), send('PATCH', seen, { description: 'for all' })])
    expect(both.map(({ status }) => status)).to.have.members([200, 412])
    const refused = both.find(({ status }) => status === 412)
    expect(await refused?.json()).to.include({ code: 'precondition_failed' })
    const now = both.find(({ status }) => status === 200)?.headers.get('etag') ?? ''
    expect([now, refused?.headers.get('etag')]).to.deep.equal([now, now])
    expect((await send('DELETE', seen)).status).to.equal(412)
    expect(
      (await portal.api('PATCH', `/policies/${id}`, { description: 'who says nothing is the last' })).status,
    ).to.equal(200)
    expect((await send('DELETE', now)).status).to.equal(412)
    expect((await send('DELETE', '*')).status).to.equal(204)
  })

  it('the REST API shows a created token once, which then works, until it is revoked', async () => {
    const robot = await portal.create('/actors', { name: 'Robot', type: 'service_account' })
    const { id, token } = await portal.create(`/actors/${robot.id}/api_tokens`, { name: 'CI' })
    expect(token).to.match(/^[A-Za-z0-9._-]+$/)
    expect((await portal.api('GET', '/sites', undefined, token)).status).to.equal(200)
    const shown = (await portal.api('GET', `/tokens/${id}`)).body
    expect(shown).to.include({ kind: 'api', name: 'CI', actor_id: robot.id })
    expect(shown).not.to.have.any.keys('token', 'hash', 'salt')
    expect((await portal.api('PATCH', `/tokens/${id}`, { name: 'Nightly' })).body).to.include({ id, name: 'Nightly' })
    expect((await portal.api('GET', '/sites', undefined, token)).status).to.equal(200)
    await portal.api('DELETE', `/tokens/${id}`)
    expect((await portal.api('GET', '/sites', undefined, token)).body).to.include({ code: 'invalid_token' })
  })

  it('the REST API creates gateway tokens of a site and client tokens of an actor, with an end', async () => {
    const site = await portal.create('/sites', { name: 'Tokens' })
    expect(await portal.create(`/sites/${site.id}/gateway_tokens`)).to.have.all.keys('id', 'token', 'expires_at')
    const expires_at = new Date(Date.now() + 3_600_000).toISOString()
    const { id } = await portal.create(`/actors/${portal.admin.id}/client_tokens`, { name: 'Laptop', expires_at })
    const listed = (await portal.api('GET', `/actors/${portal.admin.id}/client_tokens`)).body.data
    expect(listed).to.have.length(1)
    expect(listed[0]).to.include({ id, expires_at, kind: 'client' })
    const past = await portal.api('POST', `/actors/${portal.admin.id}/client_tokens`, {
      name: 'x',
      expires_at: '2001-01-01T00:00:00Z',
    })
    expect(past.body.errors[0].path).to.equal('expires_at')
  })

  it('the REST API never shows a secret setting, and keeps it when a change leaves it out', async () => {
    const settings = { issuer: 'https://id.example.org', client_id: 'portreeve', client_secret: 'hush-hush' }
    const provider = await portal.create('/identity_providers', { name: 'OIDC', type: 'oidc', settings })
    expect(provider.settings).to.deep.equal({ issuer: 'https://id.example.org', client_id: 'portreeve' })
    const patched = await portal.api('PATCH', `/identity_providers/${provider.id}`, {
      settings: { issuer: settings.issuer, client_id: 'portal' },
    })
    expect(patched.status).to.equal(200)
    const everything = JSON.stringify([
      patched.body,
      (await portal.api('GET', '/identity_providers')).body,
      (await portal.api('GET', '/audit_log?limit=100')).body,
      portal.logger.lines,
    ])
    expect(everything).not.to.contain('hush-hush')
  })

  it('the portal sends no secret to an issuer that it was not given for', async () => {
    const settings = { issuer: 'https://id.example.org', client_id: 'portreeve', client_secret: 'hush-hush' }
    const { id } = await portal.create('/identity_providers', { name: 'Moving', type: 'oidc', settings })
    const moved = { issuer: 'https://login.example.org', client_id: 'portreeve' }
    const refused = await portal.api('PATCH', `/identity_providers/${id}`, { settings: moved })
    expect(refused.status).to.equal(422)
    expect(refused.body.errors[0]).to.include({ path: 'settings.client_secret' })
    const again = { settings: { ...moved, client_secret: 'hush' } }
    expect((await portal.api('PATCH', `/identity_providers/${id}`, again)).body.settings).to.deep.equal(moved)
  })

  it("the REST API checks settings by the plugin's own schema, and names the field", async () => {
    const unknown = await portal.api('POST', '/identity_providers', { name: 'A', type: 'nope', settings: {} })
    expect(unknown.body.errors[0].path).to.equal('type')
    const wrong = await portal.api('POST', '/identity_providers', { name: 'A', type: 'oidc', settings: { issuer: 1 } })
    expect(wrong.status).to.equal(422)
    expect(wrong.body.errors.map((error: { path: string }) => error.path)).to.include('settings.issuer')
  })

  it('an account has one default identity provider at most', async () => {
    const settings = { issuer: 'https://id.example.org', client_id: 'portreeve' }
    const one = await portal.create('/identity_providers', { name: 'One', type: 'oidc', settings, is_default: true })
    const two = await portal.create('/identity_providers', { name: 'Two', type: 'oidc', settings, is_default: true })
    expect((await portal.api('GET', `/identity_providers/${one.id}`)).body.is_default).to.equal(false)
    await portal.api('PATCH', `/identity_providers/${one.id}`, { is_default: true })
    expect((await portal.api('GET', `/identity_providers/${two.id}`)).body.is_default).to.equal(false)
  })

  it('the REST API tells whom a provider knows, gives an identity to another person, and forgets it', async () => {
    const settings = { issuer: 'https://id.example.org', client_id: 'portreeve' }
    const provider = await portal.create('/identity_providers', { name: 'Linked', type: 'oidc', settings })
    const [ada, eve] = [await portal.create('/actors', { name: 'A' }), await portal.create('/actors', { name: 'E' })]
    const whom = { identity_provider_id: provider.id, issuer: settings.issuer, subject: '42' }
    const identity = await portal.create('/identities', { ...whom, actor_id: ada.id })
    expect(identity).to.deep.include({ ...whom, actor_id: ada.id })
    const twice = await portal.api('POST', '/identities', { ...whom, actor_id: eve.id })
    expect(twice.body).to.include({ status: 409, code: 'conflict' })
    const moved = await portal.api('PATCH', `/identities/${identity.id}`, { actor_id: eve.id })
    const { updated_at } = moved.body
    expect(moved.body).to.deep.equal({ ...identity, actor_id: eve.id, updated_at })
    expect((await portal.api('GET', '/identities')).body.data).to.deep.equal([moved.body])
    const robot = await portal.create('/actors', { name: 'R', type: 'service_account' })
    for (const actor_id of [robot.id, provider.id]) {
      const refused = await portal.api('PATCH', `/identities/${identity.id}`, { actor_id })
      expect(refused.body).to.have.nested.property('errors[0].path', 'actor_id')
    }
    expect((await portal.api('DELETE', `/identities/${identity.id}`)).status).to.equal(204)
    expect((await portal.api('GET', `/identities/${identity.id}`)).status).to.equal(404)
  })

  it('the REST API offers every collection by cursor and by id, and to change where an admin may', () => {
    const endpoints = apiEndpoints({ providers: new Map(), conditions: new Map(), selectors: new Map() } as never)
    const offered = new Set(endpoints.map(({ method, path }) => `${method} ${path}`))
    const READ = ['GET /x', 'GET /x/:id']
    const CHANGE = ['PATCH /x/:id', 'DELETE /x/:id']
    const ALL = [...READ, 'POST /x', ...CHANGE]
    const collections: Record<string, string[]> = {
      sites: ALL,
      resources: ALL,
      groups: ALL,
      actors: ALL,
      policies: ALL,
      identity_providers: ALL,
      identities: ALL,
      // Clients make these rows themselves, by connecting with a token.
      clients: [...READ, ...CHANGE],
      gateways: [...READ, ...CHANGE],
      // Tokens are made for a site or an actor.
      tokens: [...READ, ...CHANGE],
      // Decisions make authorizations.
      authorizations: [...READ, 'DELETE /x/:id'],
      audit_log: ['GET /x'],
    }
    for (const [name, operations] of Object.entries(collections)) {
      for (const operation of operations) expect(offered).to.include(operation.replace('/x', `/${name}`))
    }
  })

  it('the REST API pages through a list with a cursor, each row once', async () => {
    for (let index = 0; index < 5; index++) await portal.create('/groups', { name: `Paged ${index}` })
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { body } = await portal.api('GET', `/groups?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
      expect(body.data.length).to.be.at.most(2)
      seen.push(...body.data.map((row: { id: string }) => row.id))
      cursor = body.next_cursor
    }
    const all = (await portal.api('GET', '/groups?limit=100')).body.data.map((row: { id: string }) => row.id)
    expect(seen).to.deep.equal(all)
    expect((await portal.api('GET', '/groups?cursor=nonsense')).status).to.equal(400)
    expect((await portal.api('GET', '/groups?limit=0')).status).to.equal(400)
    expect((await portal.api('GET', '/groups?colour=red')).status).to.equal(400)
  })

  it('the REST API shows and changes the account', async () => {
    const upstream_resolvers = [
      { type: 'udp', settings: { address: '192.0.2.53' }, match: ['corp.example'] },
      { type: 'https', settings: { url: 'https://dns.example.org/dns-query' } },
      { type: 'tls', settings: { address: '2001:db8::53', server_name: 'dns.example.org' } },
      { type: 'system', settings: {} },
    ]
    const answer = await portal.api('PATCH', '/account', { upstream_resolvers, search_domain: 'corp.example.org' })
    expect(answer.body).to.deep.include({ slug: 'example', upstream_resolvers, search_domain: 'corp.example.org' })
    const refused = async (resolver: object) => {
      const { status, body } = await portal.api('PATCH', '/account', { upstream_resolvers: [resolver] })
      expect(status).to.equal(422)
      return body.errors
    }
    expect(await refused({ type: 'udp', settings: { address: '100.100.111.1' } })).to.deep.equal([
      { path: 'upstream_resolvers[0].settings.address', message: "is one of the tunnels' own addresses" },
    ])
    for (const settings of [{ address: '127.0.0.1' }, { address: '::1' }]) {
      expect(await refused({ type: 'udp', settings })).to.deep.equal([
        { path: 'upstream_resolvers[0].settings.address', message: 'is the machine itself' },
      ])
    }
    expect(await refused({ type: 'https', settings: { url: 'https://0x7f.1/dns-query' } })).to.deep.equal([
      { path: 'upstream_resolvers[0].settings.url', message: 'is the machine itself' },
    ])
    expect(await refused({ type: 'hosts-file' })).to.deep.equal([
      {
        path: 'upstream_resolvers[0].type',
        message: 'there is no plugin with this key; there are: udp, tls, https, system',
      },
    ])
    expect(await refused({ type: 'udp', address: '192.0.2.53' })).to.have.length(1)
    expect(await refused({ type: 'system', match: ['*.corp.example'] })).to.have.length(1)
    expect((await portal.api('GET', '/account')).body.upstream_resolvers).to.deep.equal(upstream_resolvers)
    await portal.api('PATCH', '/account', { upstream_resolvers: [], search_domain: null })
  })

  it('the REST API does not let the last owner go', async () => {
    const answers = [
      await portal.api('DELETE', `/actors/${portal.admin.id}`),
      await portal.api('PATCH', `/actors/${portal.admin.id}`, { is_disabled: true }),
      await portal.api('PATCH', `/actors/${portal.admin.id}`, { type: 'user' }),
    ]
    expect(answers.map(({ body }) => body.code)).to.deep.equal(['last_owner', 'last_owner', 'last_owner'])
  })

  it('the REST API is for admins and service accounts, with a token', async () => {
    expect((await portal.api('GET', '/sites', undefined, null)).body).to.include({ code: 'missing_token', status: 401 })
    expect((await portal.api('GET', '/sites', undefined, 'x.y.z')).body).to.include({ code: 'invalid_token' })
    const user = await portal.create('/actors', { name: 'Eve' })
    const { token } = await portal.create(`/actors/${user.id}/client_tokens`, { name: 'Laptop' })
    expect((await portal.api('GET', '/sites', undefined, token)).body).to.include({ code: 'invalid_token' })
    expect((await portal.api('POST', `/actors/${user.id}/api_tokens`, {})).status).to.equal(422)
  })

  it('T8 an account has the Internet resource once, without an address and without filters', async () => {
    const site = await portal.create('/sites', { name: 'Way out' })
    const draft = { name: 'Internet', type: 'internet', site_id: site.id }
    for (const wrong of [{ address: '0.0.0.0/0' }, { filters: [{ protocol: 'tcp' }] }]) {
      expect((await portal.api('POST', '/resources', { ...draft, ...wrong })).status).to.equal(422)
    }
    const made = await portal.api('POST', '/resources', draft)
    expect(made.status).to.equal(201)
    expect(made.body).to.include({ type: 'internet', address: null })
    const again = await portal.api('POST', '/resources', { ...draft, name: 'Another' })
    expect([again.status, again.body.code]).to.deep.equal([409, 'conflict'])
    const ip = await portal.create('/resources', { name: 'One', type: 'ip', address: '192.0.2.9', site_id: site.id })
    expect((await portal.api('PATCH', `/resources/${ip.id}`, { type: 'internet', address: null })).status).to.equal(409)
    expect((await portal.api('DELETE', `/resources/${String(made.body.id)}`)).status).to.equal(204)
    expect((await portal.api('POST', '/resources', draft)).status).to.equal(201)
  })

  it('the REST API keeps accounts apart: what is another account’s does not exist', async () => {
    const other = await portal.addAccount('other')
    const as = async (method: string, path: string, body?: unknown) => portal.api(method, path, body, other.token)
    const site = await portal.create('/sites', { name: 'Ours' })
    const group = await portal.create('/groups', { name: 'Ours' })
    const resource = await portal.create('/resources', {
      name: 'Ours',
      type: 'ip',
      address: '192.0.2.7',
      site_id: site.id,
    })
    const policy = await portal.create('/policies', { group_id: group.id, resource_id: resource.id })
    const { id: tokenId } = await portal.create(`/sites/${site.id}/gateway_tokens`)
    const { id: relayTokenId } = await portal.create('/relay_tokens')
    const paths = [
      `/sites/${site.id}`,
      `/groups/${group.id}`,
      `/resources/${resource.id}`,
      `/policies/${policy.id}`,
      `/tokens/${tokenId}`,
      `/tokens/${relayTokenId}`,
      `/actors/${portal.admin.id}`,
    ]
    for (const path of paths) {
      expect((await as('GET', path)).status, `GET ${path}`).to.equal(404)
      expect((await as('DELETE', path)).status, `DELETE ${path}`).to.equal(404)
      if (!path.startsWith('/tokens')) expect((await as('PATCH', path, {})).status, `PATCH ${path}`).to.equal(404)
      expect((await portal.api('GET', path)).status, `still there: ${path}`).to.equal(200)
    }
    for (const path of [
      '/sites',
      '/groups',
      '/resources',
      '/policies',
      '/identities',
      '/clients',
      '/gateways',
      '/relays',
      '/relay_tokens',
      '/authorizations',
    ]) {
      expect((await as('GET', path)).body.data, path).to.deep.equal([])
    }
    expect((await as('GET', '/actors')).body.data).to.have.length(1)
    expect((await as('POST', `/sites/${site.id}/gateway_tokens`, {})).status).to.equal(404)
    expect((await as('POST', `/actors/${portal.admin.id}/client_tokens`, { name: 'x' })).status).to.equal(404)
    expect((await as('PUT', `/groups/${group.id}/memberships`, { actor_ids: [other.admin.id] })).status).to.equal(404)
    const theirs = (await as('POST', '/groups', { name: 'Theirs' })).body
    const crossing = await as('POST', '/policies', { group_id: theirs.id, resource_id: resource.id })
    expect(crossing.body).to.deep.include({ status: 422, code: 'invalid_body' })
    expect(crossing.body.errors[0].path).to.equal('resource_id')
    const members = await as('PUT', `/groups/${theirs.id}/memberships`, { actor_ids: [portal.admin.id] })
    expect(members.status).to.equal(422)
    // The record of a refusal names the path that the caller asked for.
    const trail = JSON.stringify((await as('GET', '/audit_log?limit=100&kind=change')).body)
    expect(trail).not.to.contain(site.id)
  })

  it('the portal has health, readiness, metrics and a description of its API', async () => {
    const get = async (path: string) => fetch(`${portal.url}${path}`)
    expect((await get('/healthz')).status).to.equal(200)
    expect((await get('/readyz')).status).to.equal(200)
    expect(await (await get('/metrics')).text()).to.contain('portreeve_portal_http_requests_total')
    const description = (await (await get('/openapi.json')).json()) as { paths: Record<string, object> }
    expect(Object.keys(description.paths)).to.include.members([
      '/sites/{id}/gateway_tokens',
      '/groups/{id}/memberships',
      '/actors/{id}/client_tokens',
      '/identity_providers',
      '/audit_log',
      '/account',
    ])
  })

  it('the REST API’s description has no loose end, and the API answers as it describes', async () => {
    const text = await (await fetch(`${portal.url}/openapi.json`)).text()
    const { components } = JSON.parse(text) as { components: Record<string, Record<string, unknown>> }
    const named = Object.entries(components).flatMap(([kind, of]) =>
      Object.keys(of).map((name) => `#/components/${kind}/${name}`),
    )
    const references = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map(([, target = '']) => target)
    expect(references).to.include('#/components/schemas/Site')
    for (const target of references) expect(named).to.include(target)
    const endpoints = apiEndpoints({ providers: new Map(), conditions: new Map(), selectors: new Map() } as never)
    for (const { method, path, answer } of endpoints) {
      expect(text).to.contain(`"${path.replace(/:(\w+)/g, '{$1}')}"`)
      if (method !== 'GET' || path.includes(':') || answer === undefined) continue
      const { body } = await portal.api('GET', path)
      expect(answer.safeParse(body).error?.issues, path).to.equal(undefined)
    }
  })

  it('the REST API’s description has all queries, and which bodies there have to be', async () => {
    interface Operation {
      parameters: { name: string; in: string; required: boolean; schema: object; description?: string }[]
      requestBody?: { required: boolean }
    }
    const document = (await (await fetch(`${portal.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, Operation>>
    }
    const queryOf = (path: string) => document.paths[path]?.['get']?.parameters.filter((one) => one.in === 'query')
    const pages = [
      {
        name: 'limit',
        in: 'query',
        required: false,
        description: 'Maximum number of rows on a page',
        schema: { type: 'integer', minimum: 1, maximum: 100, default: 50 },
      },
      {
        name: 'cursor',
        in: 'query',
        required: false,
        schema: {
          type: 'string',
          pattern: '^(?:\\d{1,15}\\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?$',
          examples: ['1764460800000.018f4e5c-9a3b-4c1d-8e2f-5a6b7c8d9e0f'],
        },
        description: '`next_cursor` of the previous page, unchanged',
      },
    ]
    const names = (path: string): string[] => (queryOf(path) ?? []).map(({ name }) => name)
    expect(queryOf('/sites')?.[0]).to.deep.equal(pages[0])
    expect(names('/sites').slice(0, 4)).to.deep.equal(['limit', 'cursor', 'sort', 'search'])
    const ofTrail = queryOf('/audit_log') ?? []
    expect(ofTrail.slice(0, 2)).to.deep.equal(pages)
    expect(names('/audit_log').slice(2)).to.deep.equal(
      ['sort', 'kind', 'action', 'entity', 'actor_id', 'entity_id',
      'search',
      'format', 'since', 'until'], // prettier-ignore
    )
    expect(queryOf('/sites/{id}')).to.deep.equal([])
    const requires = (path: string, method: string) => document.paths[path]?.[method]?.requestBody?.required
    expect(requires('/sites', 'post')).to.equal(true)
    expect(requires('/policies/explain', 'post')).to.equal(true)
    // The operations below mean something without a body.
    expect(requires('/sites/{id}/gateway_tokens', 'post')).to.equal(false)
    expect(requires('/sites/{id}', 'patch')).to.equal(false)
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { requestBody }] of Object.entries(operations)) {
        if (requestBody?.required !== true) continue
        const target = path.replace('{id}', 'a0a0a0a0-0000-4000-8000-000000000000')
        expect((await portal.api(method.toUpperCase(), target)).status, `${method} ${path}`).to.be.oneOf([404, 422])
      }
    }
  })

  it('the portal is not ready while a stored row needs a plugin that is not loaded', async () => {
    const folderless = await PortalFixture.start({ plugins: ['selector-random'] })
    try {
      const ready = async () => (await fetch(`${folderless.url}/readyz`)).status
      expect(await ready()).to.equal(200)
      const site = await folderless.create('/sites', { name: 'Main' })
      expect(await ready()).to.equal(200)
      await folderless.restart([])
      expect(await ready()).to.equal(503)
      await folderless.api('DELETE', `/sites/${site.id}`)
      expect(await ready()).to.equal(200)
      await folderless.restart(['resolver-system'])
      const resolvers = (upstream_resolvers: object[]) => folderless.api('PATCH', '/account', { upstream_resolvers })
      expect((await resolvers([{ type: 'system' }])).status).to.equal(200)
      expect(await ready()).to.equal(200)
      await folderless.restart([])
      expect(await ready()).to.equal(503)
      await resolvers([])
      expect(await ready()).to.equal(200)
    } finally {
      await folderless.stop()
    }
  })

  it('the portal survives a restart with its rows and tokens', async () => {
    const site = await portal.create('/sites', { name: 'Lasting' })
    await portal.restart()
    expect((await portal.api('GET', `/sites/${site.id}`)).body).to.deep.equal(site)
  })
})
