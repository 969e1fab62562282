import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Postgres } from '../../../../kit/postgres.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

for (const driver of ['sqlite', 'pg'] as const)
  describe(`changes in bulk by the REST API, on ${driver}`, () => {
    let portal: PortalFixture
    before(async function () {
      this.timeout(120_000)
      const config =
        driver === 'pg' ? { database: { driver, ...(await (await Postgres.shared(this)).newDatabase()) } } : {}
      portal = await PortalFixture.start({ config })
    })
    after(async () => portal.stop())

    const bulk = async (operations: readonly object[], token?: string) =>
      portal.api('POST', '/bulk', { operations }, token)
    const totalOf = async (path: string): Promise<number> => (await portal.api('GET', path)).body.total
    const group = (name: string) => ({ method: 'POST', path: '/groups', body: { name } })

    it('creations, changes and removals in one call are all done, and each is in the audit trail', async () => {
      const old = await portal.api('POST', '/groups', { name: 'Old' })
      const gone = await portal.create('/groups', { name: 'Gone' })
      const version = old.headers.get('etag')
      const { status, body } = await bulk([
        { method: 'PATCH', path: `/groups/${old.body.id}`, body: { name: 'New' }, if_match: version },
        { method: 'DELETE', path: `/groups/${gone.id}` },
        group('Old'),
      ])
      expect(status).to.equal(200)
      expect(body.results.map((each: { status: number }) => each.status)).to.deep.equal([200, 204, 201])
      expect(await totalOf(`/groups?id=${old.body.id},${body.results[2].id}`)).to.equal(2)
      for (const { id } of body.results) expect(await totalOf(`/audit_log?entity_id=${id}`)).to.be.at.least(1)
      expect(await totalOf('/audit_log?search=NEW&action=updated'), 'found by its name').to.equal(1)
    })

    it('nothing is done where one operation is refused, and the refusal names each of them by its index', async () => {
      const changed = await portal.create('/groups', { name: 'Changed' })
      const { status, body } = await bulk([
        group('Never 1'),
        { method: 'POST', path: '/groups', body: { name: '' } },
        { method: 'PATCH', path: `/groups/${changed.id}`, body: { name: 'X' }, if_match: '"stale"' },
        { method: 'DELETE', path: '/groups/00000000-0000-4000-8000-000000000000' },
        group('Changed'),
        group('Never 2'),
      ])
      expect(status).to.equal(422)
      expect(body.code).to.equal('bulk_refused')
      expect(body.detail).to.match(/Nothing was done: operation 1 /)
      const paths = body.errors.map(({ path }: { path: string }) => path)
      expect(paths).to.include.members(['operations[1].body.name', 'operations[2]', 'operations[3]', 'operations[4]'])
      expect(await totalOf('/groups?search=never')).to.equal(0)
      expect(await totalOf('/groups?name=Changed')).to.equal(1)
    })

    it('an operation in bulk needs the permission that it needs alone', async () => {
      const { token } = await portal.create(`/actors/${portal.admin.id}/api_tokens`, { scopes: ['read'] })
      const { status, body } = await bulk([group('Forbidden')], token)
      expect(status).to.equal(403)
      expect(body.errors[0].message).to.match(/groups:write/)
    })

    it('the last owner cannot be removed in bulk, whatever else the call does', async () => {
      const remove = { method: 'DELETE', path: `/actors/${portal.admin.id}` }
      const { status } = await bulk([group('With it'), remove])
      expect(status).to.equal(409)
      expect(await totalOf('/groups?name=With%20it')).to.equal(0)
    })

    it('a removal in bulk takes policies along only where it says so', async () => {
      const site = await portal.create('/sites', { name: 'Berlin' })
      const address = { type: 'dns', address: 'wiki.example.org', site_id: site.id }
      const { id: resource_id } = await portal.create('/resources', { name: 'Wiki', ...address })
      const { id: group_id } = await portal.create('/groups', { name: 'Engineers' })
      await portal.create('/policies', { group_id, resource_id })
      const remove = { method: 'DELETE', path: `/groups/${group_id}` }
      const refused = await bulk([group('Beside it'), remove])
      expect(refused.status).to.equal(409)
      expect(refused.body.errors[0]).to.include({ path: 'operations[1]' })
      expect(refused.body.errors[0].message).to.match(/^in_use: /)
      expect(await totalOf('/policies')).to.equal(1)
      expect((await bulk([{ ...remove, cascade: true }])).status).to.equal(200)
      expect(await totalOf('/policies')).to.equal(0)
    })

    it('all rows that match a filter are changed, unless their number has become another', async () => {
      for (const name of ['Match 1', 'Match 2', 'Other']) await portal.create('/actors', { name })
      const change = { path: '/actors', query: { search: 'match' }, method: 'PATCH', body: { is_disabled: true } }
      const run = async (total: number) => portal.api('POST', '/bulk', { all_that_match: { ...change, total } })
      const stale = await run(3)
      expect(stale.status).to.equal(409)
      expect(stale.body).to.include({ code: 'total_changed' })
      expect(await totalOf('/actors?is_disabled=true')).to.equal(0)
      const done = await run(2)
      expect(done.body.results).to.have.length(2)
      expect(await totalOf('/actors?is_disabled=true&search=match')).to.equal(2)
    })

    it('a call in bulk that is malformed, empty or too long is refused', async () => {
      const many = Array.from({ length: 1_001 }, (_, index) => group(`G${index}`))
      const paths = ['/bulk', '/policies/simulate', '/relay_tokens', '/groups?x', '/groups/../actors', '//groups']
      const strange = paths.map((path) => ({ operations: [{ method: 'POST', path, body: {} }] }))
      for (const body of [{}, { operations: [] }, { operations: many }, { operations: [{}] }, ...strange])
        expect((await portal.api('POST', '/bulk', body)).status, JSON.stringify(body).slice(0, 90)).to.equal(422)
    })
  })
