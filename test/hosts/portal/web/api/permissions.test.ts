import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { PERMISSIONS, type Permission } from '../../../../../hosts/portal/identity/permissions.ts'
import { grantedPermissions } from '../../../../../hosts/portal/identity/token-scopes.ts'
import type { ActorType } from '../../../../../hosts/portal/store/entities.ts'
import { apiEndpoints } from '../../../../../hosts/portal/web/api/router.ts'
import { Browser } from '../../../../kit/browser.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

/**
 * Callers of each route: an owner (O), an admin (A), an auditor (U), the helpdesk (H), a service account (S); then
 * an owner's token with the scope `read` (r) or `helpdesk` (h). The permission is the only scope that suffices.
 */
const MATRIX: Readonly<Record<string, readonly [who: string, permission: Permission | null]>> = {
  'GET /account': ['OAU.S r.', 'account:read'],
  'PATCH /account': ['OA..S ..', 'account:write'],
  // Every token may ask whose it is.
  'GET /me': ['OAUHS rh', null],
  'GET /sites': ['OAU.S r.', 'sites:read'],
  'POST /sites': ['OA..S ..', 'sites:write'],
  'GET /sites/:id': ['OAU.S r.', 'sites:read'],
  'PATCH /sites/:id': ['OA..S ..', 'sites:write'],
  'DELETE /sites/:id': ['OA..S ..', 'sites:write'],
  'GET /gateways': ['OAU.S r.', 'gateways:read'],
  'GET /gateways/:id': ['OAU.S r.', 'gateways:read'],
  'PATCH /gateways/:id': ['OA..S ..', 'gateways:write'],
  'DELETE /gateways/:id': ['OA..S ..', 'gateways:write'],
  'GET /relays': ['OAU.S r.', 'relays:read'],
  'GET /resources': ['OAU.S r.', 'resources:read'],
  'POST /resources': ['OA..S ..', 'resources:write'],
  'GET /resources/:id': ['OAU.S r.', 'resources:read'],
  'PATCH /resources/:id': ['OA..S ..', 'resources:write'],
  'DELETE /resources/:id': ['OA..S ..', 'resources:write'],
  'GET /actors': ['OAUHS rh', 'actors:read'],
  'POST /actors': ['OA..S ..', 'actors:write'],
  'GET /actors/:id': ['OAUHS rh', 'actors:read'],
  'PATCH /actors/:id': ['OA..S ..', 'actors:write'],
  'DELETE /actors/:id': ['OA..S ..', 'actors:write'],
  'GET /groups': ['OAUHS rh', 'groups:read'],
  'POST /groups': ['OA..S ..', 'groups:write'],
  'GET /groups/:id': ['OAUHS rh', 'groups:read'],
  'PATCH /groups/:id': ['OA..S ..', 'groups:write'],
  'DELETE /groups/:id': ['OA..S ..', 'groups:write'],
  'GET /groups/:id/memberships': ['OAUHS rh', 'groups:read'],
  'PUT /groups/:id/memberships': ['OA..S ..', 'groups:write'],
  'PATCH /groups/:id/memberships': ['OA..S ..', 'groups:write'],
  'GET /policies': ['OAU.S r.', 'policies:read'],
  'POST /policies': ['OA..S ..', 'policies:write'],
  'GET /policies/:id': ['OAU.S r.', 'policies:read'],
  'PATCH /policies/:id': ['OA..S ..', 'policies:write'],
  'DELETE /policies/:id': ['OA..S ..', 'policies:write'],
  'POST /policies/explain': ['OAUHS rh', 'explain:read'],
  'POST /policies/simulate': ['OAU.S r.', 'policies:read'],
  'GET /identity_providers': ['OAU.S r.', 'identity_providers:read'],
  'POST /identity_providers': ['O.... ..', 'identity_providers:write'],
  'GET /identity_providers/:id': ['OAU.S r.', 'identity_providers:read'],
  'PATCH /identity_providers/:id': ['O.... ..', 'identity_providers:write'],
  'DELETE /identity_providers/:id': ['O.... ..', 'identity_providers:write'],
  'GET /identities': ['OAU.S r.', 'identities:read'],
  'POST /identities': ['OA..S ..', 'identities:write'],
  'GET /identities/:id': ['OAU.S r.', 'identities:read'],
  'PATCH /identities/:id': ['OA..S ..', 'identities:write'],
  'DELETE /identities/:id': ['OA..S ..', 'identities:write'],
  'GET /clients': ['OAUHS rh', 'clients:read'],
  'GET /clients/:id': ['OAUHS rh', 'clients:read'],
  'PATCH /clients/:id': ['OA.HS .h', 'clients:write'],
  'DELETE /clients/:id': ['OA.HS .h', 'clients:write'],
  'POST /sites/:id/gateway_tokens': ['OA..S ..', 'tokens:write'],
  'GET /sites/:id/gateway_tokens': ['OAU.S r.', 'tokens:read'],
  'POST /gateways/:id/tokens': ['OA..S ..', 'tokens:write'],
  'GET /gateways/:id/tokens': ['OAU.S r.', 'tokens:read'],
  'POST /gateways/:id/rotate_token': ['OA..S ..', 'tokens:write'],
  'POST /relay_tokens': ['OA..S ..', 'tokens:write'],
  'GET /relay_tokens': ['OAU.S r.', 'tokens:read'],
  'POST /actors/:id/client_tokens': ['OA..S ..', 'tokens:write'],
  'GET /actors/:id/client_tokens': ['OAUHS rh', 'sessions:read'],
  'DELETE /client_tokens/:id': ['OA.HS .h', 'sessions:write'],
  'POST /actors/:id/api_tokens': ['OA..S ..', 'tokens:write'],
  'GET /actors/:id/api_tokens': ['OAU.S r.', 'tokens:read'],
  'GET /actors/:id/sessions': ['OAUHS rh', 'sessions:read'],
  'DELETE /actors/:id/sessions': ['OA.HS .h', 'sessions:write'],
  'DELETE /actors/:id/sessions/:session_id': ['OA.HS .h', 'sessions:write'],
  'GET /tokens': ['OAU.S r.', 'tokens:read'],
  'GET /tokens/:id': ['OAU.S r.', 'tokens:read'],
  'PATCH /tokens/:id': ['OA..S ..', 'tokens:write'],
  'DELETE /tokens/:id': ['OA..S ..', 'tokens:write'],
  'GET /authorizations': ['OAU.S r.', 'authorizations:read'],
  'GET /authorizations/:id': ['OAU.S r.', 'authorizations:read'],
  'DELETE /authorizations/:id': ['OA..S ..', 'authorizations:write'],
  'GET /audit_log': ['OAU.S r.', 'audit_log:read'],
  'GET /plugins': ['OAU.S r.', 'plugins:read'],
  // Each kind of object of an access file needs its own permission as well.
  'GET /access_file': ['OAU.S r.', 'policies:read'],
  'POST /access_file': ['OAU.S r.', 'policies:read'],
  // Each operation of a bulk needs its own permission as well.
  'POST /bulk': ['OAUHS rh', 'actors:read'],
}

const NOBODY = '00000000-0000-4000-8000-000000000000'
const ROUTES = apiEndpoints({ providers: new Map(), conditions: new Map(), selectors: new Map() } as never).map(
  ({ method, path, needs }) => ({ method, path, needs, name: `${method} ${path}` }),
)

/** Whether a token with these scopes, of an actor of this type, may call what needs a permission. */
const tokenMay = (type: ActorType, scopes: readonly string[], permission: Permission): boolean =>
  grantedPermissions(scopes, type, type).has(permission)

describe('the permissions of the REST API', () => {
  let portal: PortalFixture
  const ids: Record<string, string> = {}
  const tokens: Record<string, string> = {}

  before(async () => {
    portal = await PortalFixture.start()
    for (const type of ['owner', 'admin', 'auditor', 'helpdesk', 'service_account', 'user']) {
      const { id } = await portal.create('/actors', { type, name: type })
      ids[type] = id
      if (type !== 'user') tokens[type] = await tokenOf(type)
    }
  })
  after(async () => portal.stop())

  const tokenOf = async (type: string, body: object = {}, by = portal.token): Promise<string> => {
    const { status, body: made } = await portal.api('POST', `/actors/${ids[type]}/api_tokens`, body, by)
    expect(status, type).to.equal(201)
    return made.token
  }
  it('every route of the REST API has a line in the matrix of who may call it', () => {
    expect(ROUTES.map(({ name }) => name).toSorted()).to.deep.equal(Object.keys(MATRIX).toSorted())
  })

  it('every route of the REST API is open to each role, service accounts and scopes by the matrix', () => {
    const callers = [
      ...(['owner', 'admin', 'auditor', 'helpdesk', 'service_account'] as const).map((type) => ({
        type,
        scope: 'write',
      })),
      ...['read', 'helpdesk'].map((scope) => ({ type: 'owner' as const, scope })),
    ]
    const sufficientFor = (needs: Permission) => PERMISSIONS.filter((each) => alone.get(each)?.has(needs) === true)
    const alone = new Map(PERMISSIONS.map((each) => [each, grantedPermissions([each], 'owner', 'owner')]))
    for (const { name, needs } of ROUTES) {
      const [who, permission] = MATRIX[name] ?? ['']
      if (needs === null) {
        expect([who, permission], name).to.deep.equal(['OAUHS rh', null])
        continue
      }
      const may = callers.map(({ type, scope }, at) => (tokenMay(type, [scope], needs) ? 'OAUHSrh'.charAt(at) : '.'))
      expect(may.join(''), name).to.equal(who.replace(' ', ''))
      expect(tokenMay('user', ['write'], needs), `${name}, a user`).to.equal(false)
      const implying = permission?.replace(':read', ':write')
      expect(sufficientFor(needs), name).to.have.members([...new Set([permission, implying])])
    }
  })

  it('every route of the REST API is closed to a token whose scope is for another one', async () => {
    const [explain, sites] = [
      await tokenOf('owner', { scopes: ['explain:read'] }),
      await tokenOf('owner', { scopes: ['sites:read'] }),
    ]
    const statuses = ROUTES.filter(({ needs }) => needs !== null).map(async ({ method, path, needs }) => {
      const body = method === 'GET' || method === 'DELETE' ? undefined : {}
      const other = needs === 'explain:read' ? sites : explain
      return (await portal.api(method, path.replace(':id', NOBODY), body, other)).status
    })
    expect(new Set(await Promise.all(statuses))).to.deep.equal(new Set([403]))
  })

  it('a refusal by the REST API says whether the role or the scopes of the token lack the permission', async () => {
    const byRole = await portal.api('POST', '/sites', { name: 'X' }, tokens['auditor'])
    expect(byRole.body).to.include({ code: 'forbidden' })
    expect(byRole.body.detail).to.match(/sites:write.*an auditor/)
    const byScope = await portal.api('POST', '/sites', { name: 'X' }, await tokenOf('owner', { scopes: ['read'] }))
    expect(byScope.body).to.include({ code: 'insufficient_scope' })
    expect(byScope.headers.get('www-authenticate')).to.equal('Bearer error="insufficient_scope", scope="sites:write"')
  })

  it('nobody makes, changes or removes somebody with more rights, or a token for her', async () => {
    const [admin, robot] = [tokens['admin'] ?? '', tokens['service_account'] ?? '']
    const refused = async (by: string, method: string, path: string, body?: object): Promise<void> => {
      const answer = await portal.api(method, path, body, by)
      expect([answer.status, answer.body?.code], `${method} ${path} ${JSON.stringify(body)}`).to.deep.equal([
        403,
        'forbidden',
      ])
    }
    for (const path of [`/actors/${ids['admin']}`, `/actors/${ids['user']}`])
      await refused(admin, 'PATCH', path, { type: 'owner' })
    await refused(admin, 'POST', '/actors', { type: 'owner', name: 'X' })
    for (const body of [{ email: 'x@example.org' }, { is_disabled: true }, { type: 'user' }])
      await refused(admin, 'PATCH', `/actors/${ids['owner']}`, body)
    await refused(admin, 'DELETE', `/actors/${ids['owner']}`)
    for (const kind of ['api', 'client']) await refused(admin, 'POST', `/actors/${ids['owner']}/${kind}_tokens`, {})
    for (const type of ['helpdesk', 'owner']) {
      await refused(robot, 'POST', '/actors', { type, name: 'X' })
      await refused(robot, 'PATCH', `/actors/${ids['user']}`, { type })
      await refused(robot, 'PATCH', `/actors/${ids['service_account']}`, { type })
      await refused(robot, 'PATCH', `/actors/${ids[type]}`, { name: 'X' })
      await refused(robot, 'DELETE', `/actors/${ids[type]}`)
      for (const kind of ['api', 'client']) await refused(robot, 'POST', `/actors/${ids[type]}/${kind}_tokens`, {})
    }
    const provider = await portal.create('/identity_providers', {
      name: 'P',
      type: 'oidc',
      settings: { issuer: 'https://id.example.org', client_id: 'portreeve' },
    })
    const link = { identity_provider_id: provider.id, issuer: 'https://id.example.org' }
    await refused(admin, 'POST', '/identities', { ...link, actor_id: ids['owner'], subject: 'x' })
    await refused(robot, 'POST', '/identities', { ...link, actor_id: ids['admin'], subject: 'x' })
    const owners = await portal.create('/identities', { ...link, actor_id: ids['owner'], subject: 'owner' })
    const users = await portal.create('/identities', { ...link, actor_id: ids['user'], subject: 'user' })
    await refused(admin, 'DELETE', `/identities/${owners.id}`)
    await refused(admin, 'PATCH', `/identities/${owners.id}`, { actor_id: ids['user'] })
    await refused(admin, 'PATCH', `/identities/${users.id}`, { actor_id: ids['owner'] })
  })

  it('a token makes no token that may do more than itself, and a service account none with more than its maker may', async () => {
    const clerk = await tokenOf('owner', { scopes: ['tokens:write', 'sites:read'] })
    const wide = await portal.api('POST', `/actors/${ids['service_account']}/api_tokens`, {}, clerk)
    expect([wide.status, wide.body.code]).to.deep.equal([403, 'insufficient_scope'])
    const narrow = await tokenOf('service_account', { scopes: ['sites:read'] }, clerk)
    expect((await portal.api('GET', '/sites', undefined, narrow)).status).to.equal(200)
    expect((await portal.api('GET', '/groups', undefined, narrow)).status).to.equal(403)
  })

  it('a token loses what its actor, or whoever made it, may not do any more', async () => {
    const ada = await portal.create('/actors', { type: 'admin', name: 'Ada' })
    const { token: hers } = await portal.create(`/actors/${ada.id}/api_tokens`, {})
    const made = await tokenOf('service_account', {}, hers)
    const grandchild = await tokenOf('service_account', {}, made)
    const reach = async () =>
      Promise.all(
        [hers, made, grandchild].map(async (token) => {
          const reads = await portal.api('GET', '/sites', undefined, token)
          return [reads.status, (await portal.api('PATCH', '/account', {}, token)).status]
        }),
      )
    expect(await reach()).to.deep.equal([
      [200, 200],
      [200, 200],
      [200, 200],
    ])
    await portal.api('PATCH', `/actors/${ada.id}`, { type: 'auditor' })
    expect(await reach()).to.deep.equal([
      [200, 403],
      [200, 403],
      [200, 403],
    ])
    await portal.api('PATCH', `/actors/${ada.id}`, { type: 'user' })
    expect(await reach()).to.deep.equal([
      [401, 401],
      [403, 403],
      [403, 403],
    ])
    await portal.api('DELETE', `/actors/${ada.id}`)
    const ended = await portal.api('GET', '/sites', undefined, made)
    expect([ended.status, ended.body.detail]).to.deep.equal([
      403,
      'This needs the permission sites:read, which the person who made this token does not have any more: have somebody else make another one.',
    ])
  })

  it('an API token ends after 90 days, or when it is asked to, and shows its scopes and its maker', async () => {
    const path = `/actors/${ids['auditor']}/api_tokens`
    const before = Date.now()
    const { id, expires_at } = await portal.create(path, { scopes: ['sites:read', 'policies:read'] })
    const days = (Date.parse(expires_at) - before) / 86_400_000
    expect(days).to.be.within(89.99, 90.01)
    expect((await portal.api('GET', `/tokens/${id}`)).body).to.deep.include({
      scopes: ['sites:read', 'policies:read'],
      maker_id: portal.admin.id,
    })
    expect((await portal.create(path, { expires_at: null })).expires_at).to.equal(null)
    expect((await portal.api('POST', path, { scopes: ['sites:eat'] })).status).to.equal(422)
  })

  it('the helpdesk sees in which browsers somebody is signed in, and signs her out of one', async () => {
    const browser = new Browser()
    const { code } = await portal.makeEmergencyCode({ adminId: portal.admin.id })
    await browser.send(`${portal.url}/example/sign_in/emergency`, { form: { code } })
    const home = async () => (await browser.send(`${portal.url}/example/home`)).status
    expect(await home()).to.equal(200)
    const path = `/actors/${portal.admin.id}/sessions`
    const { body } = await portal.api('GET', path, undefined, tokens['helpdesk'])
    const [session, ...others] = body.data as { id: string }[]
    expect(others).to.deep.equal([])
    expect(session).to.have.all.keys('id', 'browser', 'identity_provider_id', 'begun_at', 'expires_at')
    const end = async (of: string) =>
      (await portal.api('DELETE', `${of}/${session?.id}`, undefined, tokens['helpdesk'])).status
    expect(await end(`/actors/${ids['user']}/sessions`), 'of somebody else').to.equal(404)
    expect([await end(path), await end(path)]).to.deep.equal([204, 404])
    expect(await home()).to.equal(302)
    const [record] = (await portal.api('GET', '/audit_log?kind=sign_in&limit=1')).body.data
    expect(record).to.deep.include({ action: 'signed_out', entity_id: portal.admin.id })
  })

  it('the helpdesk revokes client tokens, and no other ones', async () => {
    const { id } = await portal.create(`/actors/${ids['user']}/client_tokens`)
    const { id: relay } = await portal.create('/relay_tokens')
    expect((await portal.api('DELETE', `/client_tokens/${relay}`, undefined, tokens['helpdesk'])).status).to.equal(404)
    expect((await portal.api('DELETE', `/client_tokens/${id}`, undefined, tokens['helpdesk'])).status).to.equal(204)
  })
})
