import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { AdminVisitor } from '../../../../kit/admin-visitor.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('lists on pages for admins', () => {
  let portal: PortalFixture
  let owner: AdminVisitor

  before(async () => {
    portal = await PortalFixture.start()
    for (const [name, email] of [
      ['Ada', 'zoe@example.org'],
      ['Ben', 'ben@example.org'],
      ['Cleo', 'ann@example.org'],
    ] as const)
      await portal.create('/actors', { name, email })
    owner = await AdminVisitor.signIn(portal)
  })
  after(async () => portal.stop())

  const heads = (text: string): string[] =>
    [...text.matchAll(/<th role="columnheader"[^>]*>(?:<a [^>]*>)?([A-Z][^<↑↓]*)/g)].map(([, title = '']) =>
      title.trim(),
    )
  const csv = async (path: string): Promise<string[]> => (await owner.open(path)).text.trim().split('\r\n')

  it('show the columns that a person chose, also later and as CSV, until she takes the choice back', async () => {
    await owner.open('/people')
    const back = 'q=example.org&sort=-name&limit=50'
    const { status, location } = await owner.send('/people/columns', { column: ['email', 'role', 'nonsense'], back })
    expect(status).to.equal(303)
    expect(location).to.equal('/example/admin/people')
    expect(heads((await owner.open('/people')).text)).to.deep.equal(['Person', 'E-mail address', 'Role'])
    const [head, first] = await csv('/people.csv?q=example.org&sort=-name')
    expect(head).to.equal('id,Person,E-mail address,Role')
    expect(first).to.match(/^[0-9a-f-]{36},Cleo,ann@example\.org,user$/)
    expect(heads((await owner.open('/groups')).text)).not.to.include('E-mail address')
    expect(heads((await owner.open('/people?column=role')).text)).to.deep.equal(['Person', 'Role'])
    await owner.send('/people/columns', { column: 'email', reset: '1' })
    expect(heads((await owner.open('/people')).text))
      .to.include('Reaches now')
      .and.not.include('E-mail address')
  })

  it('keep the columns of each person apart', async () => {
    const other = await portal.create('/actors', { name: 'Olga', email: 'olga@example.org', type: 'owner' })
    await owner.open('/people')
    await owner.send('/people/columns', { column: 'role' })
    const olga = await AdminVisitor.signIn(portal, other.id)
    expect(heads((await olga.open('/people')).text)).to.include('Groups')
    await portal.api('DELETE', `/actors/${other.id}`)
    await owner.open('/people')
    await owner.send('/people/columns', { reset: '1' })
  })

  it('sort by the time of the last change, by the person and by what a row refers to', async () => {
    const { body } = await portal.api('GET', '/actors?search=ben')
    await portal.api('PATCH', `/actors/${body.data[0].id}`, { name: 'Benno' })
    const names = async (path: string): Promise<string[]> =>
      (await csv(path)).slice(1).map((line) => line.split(',')[1] ?? '')
    expect((await names('/people.csv?sort=-updated_at'))[0]).to.equal('Benno')
    expect(await names('/people.csv?sort=email&q=example.org')).to.deep.equal([
      'admin@example.org',
      'Cleo',
      'Benno',
      'Ada',
    ])
    for (const [name, site] of [
      ['A', 'South'],
      ['B', 'North'],
      ['C', 'West'],
    ] as const) {
      const { id: site_id } = await portal.create('/sites', { name: site })
      await portal.create('/resources', { name, type: 'ip', address: '192.0.2.1', site_id })
    }
    expect(await names('/resources.csv?sort=site_name')).to.deep.equal(['B', 'A', 'C'])
    const read: string[] = []
    for (let cursor = ''; ;) {
      const page = await portal.api('GET', `/resources?sort=-site_name&limit=1${cursor}`)
      read.push(page.body.data[0].name)
      if (page.body.next_cursor === null) break
      cursor = `&cursor=${page.body.next_cursor}`
    }
    expect(read).to.deep.equal(['C', 'A', 'B'])
  })
})
