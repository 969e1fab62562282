import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { AdminVisitor } from '../../../../kit/admin-visitor.ts'
import { CountedQueries } from '../../../../kit/counted-queries.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('queries of pages for admins, on SQLite', () => {
  let queries: CountedQueries
  let portal: PortalFixture
  let admin: AdminVisitor

  before(async () => {
    queries = new CountedQueries()
    portal = await PortalFixture.start({ config: { database: { driver: 'sqlite', file: 'portal.sqlite' } } })
    admin = await AdminVisitor.signIn(portal)
  })
  after(async () => {
    queries.stop()
    await portal.stop()
  })

  /** Makes a person in a group with a policy on a resource at a site. */
  const furnish = async (at: number): Promise<Record<'group' | 'site', string>> => {
    const site = await portal.create('/sites', { name: `Site ${at}` })
    const group = await portal.create('/groups', { name: `Group ${at}` })
    const person = await portal.create('/actors', { name: `Person ${at}`, email: `person-${at}@example.org` })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [person.id] })
    const about = { name: `Service ${at}`, type: 'dns', address: `service-${at}.example.org`, site_id: site.id }
    const resource = await portal.create('/resources', about)
    await portal.create('/policies', { group_id: group.id, resource_id: resource.id })
    return { group: group.id, site: site.id }
  }

  const counted = async (path: string): Promise<number> => {
    const before = queries.count
    const { status, text } = await admin.open(path)
    expect(status, text).to.equal(200)
    return queries.count - before
  }

  it('are no more for several rows than for one', async () => {
    const paths = [
      '',
      '/people',
      '/groups',
      '/devices',
      '/sites',
      '/resources',
      '/policies',
      '/authorizations',
      '/tokens',
      '/audit',
    ]
    const { group, site } = await furnish(0)
    const whole = [...paths, `/groups/${group}`, `/sites/${site}`, '/simulate', '/policies/new']
    const few: [string, number][] = []
    for (const path of whole) few.push([path, await counted(path)])
    for (let at = 1; at < 4; at++) await furnish(at)
    const many: [string, number][] = []
    for (const path of whole) many.push([path, await counted(path)])
    const grown = many.filter(([, count], at) => count > (few[at]?.[1] ?? 0))
    expect(grown).to.deep.equal([])
  })
})
