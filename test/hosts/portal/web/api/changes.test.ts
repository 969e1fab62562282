import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('changes by the REST API', () => {
  let portal: PortalFixture
  let group: { id: string }
  let ada: { id: string }
  before(async () => {
    portal = await PortalFixture.start()
    group = await portal.create('/groups', { name: 'Staff' })
    ada = await portal.create('/actors', { name: 'Ada' })
  })
  after(async () => portal.stop())

  const change = async (method: string, path: string, { version, body }: { version: string; body: object }) =>
    fetch(`${portal.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${portal.token}`, 'content-type': 'application/json', 'if-match': version },
      body: JSON.stringify(body),
    })
  const versionOf = async (path: string) => (await portal.api('GET', path)).headers.get('etag') ?? ''

  it('a change of the account is refused where somebody changed it since', async () => {
    const seen = await versionOf('/account')
    expect(seen).to.match(/^"[\w-]+"$/)
    const first = await change('PATCH', '/account', { version: seen, body: { name: 'One' } })
    expect(first.status).to.equal(200)
    expect((await change('PATCH', '/account', { version: seen, body: { name: 'Two' } })).status).to.equal(412)
    const now = first.headers.get('etag') ?? ''
    expect(now).to.equal(await versionOf('/account'))
    expect((await change('PATCH', '/account', { version: now, body: { name: 'Two' } })).status).to.equal(200)
  })

  it('a change of a group’s members is refused where somebody changed them since', async () => {
    const path = `/groups/${group.id}/memberships`
    const seen = await versionOf(path)
    expect((await change('PUT', path, { version: seen, body: { actor_ids: [ada.id] } })).status).to.equal(200)
    for (const [method, body] of [
      ['PUT', { actor_ids: [] }],
      ['PATCH', { remove: [ada.id] }],
    ] as const) {
      const stale = await change(method, path, { version: seen, body })
      expect(stale.status, method).to.equal(412)
      expect(stale.headers.get('etag')).to.equal(await versionOf(path))
    }
    const now = await versionOf(path)
    expect((await change('PATCH', path, { version: now, body: { remove: [ada.id] } })).headers.get('etag')).to.equal(
      seen,
    )
  })

  it('changes take an id in capitals for the same id, in a path, in a list and alone', async () => {
    const site = await portal.create('/sites', { name: 'Main' })
    const resource = await portal.create('/resources', {
      name: 'Net',
      type: 'cidr',
      address: '10.0.0.0/8',
      site_id: site.id.toUpperCase(),
    })
    const members = await portal.api('PUT', `/groups/${group.id.toUpperCase()}/memberships`, {
      actor_ids: [ada.id.toUpperCase()],
    })
    expect(members.body.data[0].actor_id).to.equal(ada.id)
    const ids = { group_id: group.id.toUpperCase(), resource_id: resource.id.toUpperCase() }
    expect(await portal.create('/policies', ids)).to.include({ group_id: group.id, resource_id: resource.id })
  })

  it('changes take as many members at once as the API’s description says', async () => {
    const ids = Array.from({ length: 1_000 }, (_, at) => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`)
    const path = `/groups/${group.id}/memberships`
    expect((await portal.api('PATCH', path, { add: ids, remove: ids })).status).to.equal(200)
  })
})
