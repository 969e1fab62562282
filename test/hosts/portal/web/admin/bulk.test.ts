import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { AdminVisitor, hidden } from '../../../../kit/admin-visitor.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('changes of many rows on pages for admins', () => {
  let portal: PortalFixture
  let owner: AdminVisitor
  let groupId: string

  before(async () => {
    portal = await PortalFixture.start()
    groupId = (await portal.create('/groups', { name: 'Finance' })).id
    owner = await AdminVisitor.signIn(portal)
  })
  after(async () => portal.stop())

  const add = async (...names: string[]): Promise<string[]> =>
    Promise.all(names.map(async (name) => (await portal.create('/actors', { name })).id))
  const totalOf = async (path: string): Promise<number> => (await portal.api('GET', path)).body.total
  const confirmed = (text: string) => ({ save: '1', digest: hidden(text, 'digest'), seen: hidden(text, 'seen') })
  const matchOf = (text: string): string =>
    (/name="match" value="([^"]*)"/.exec(text)?.[1] ?? '').replaceAll('&amp;', '&')

  it('all that match a filter are changed, on every page of the list', async () => {
    await add(...Array.from({ length: 30 }, (_, index) => `Guest ${index}`), 'Other')
    const list = await owner.open('/people?q=guest&limit=12')
    expect(list.text).to.include('all 30 that match')
    const match = matchOf(list.text)
    const asked = await owner.send('/people/disable', { match, id: 'ignored' })
    expect(asked.text).to.include('Disable 30 people?').and.include('All that match: ').and.include('and 27 more')
    const { status, location } = await owner.send('/people/disable', { match, ...confirmed(asked.text) })
    expect([status, location]).to.deep.equal([303, '/example/admin/people'])
    expect(await totalOf('/actors?is_disabled=true')).to.equal(30)
  })

  it('nothing is saved where other rows match than were confirmed, and the new difference is shown', async () => {
    await add('Late 1', 'Late 2')
    await owner.open('/people')
    const match = '?q=late'
    const asked = await owner.send('/people/disable', { match })
    expect(asked.text).to.include('Disable 2 people?')
    await add('Late 3')
    const other = await owner.send('/people/disable', { match, ...confirmed(asked.text) })
    expect(other.text).to.include('Disable 3 people?').and.include('has become another').and.include('Late 3')
    expect(await totalOf('/actors?is_disabled=true&search=late')).to.equal(0)
    expect((await owner.send('/people/disable', { match, ...confirmed(other.text) })).status).to.equal(303)
    expect(await totalOf('/actors?is_disabled=true&search=late')).to.equal(3)
  })

  it('who was changed or deleted meanwhile is named, and nothing is saved until that was seen', async () => {
    const id = await add('Cleo', 'Dora', 'Emil')
    await owner.open('/people')
    const asked = await owner.send('/people/disable', { id })
    await portal.api('PATCH', `/actors/${id[0]}`, { name: 'Cleopatra' })
    await portal.api('DELETE', `/actors/${id[2]}`)
    const other = await owner.send('/people/disable', { id, ...confirmed(asked.text) })
    expect(other.text).to.include('Changed by others meanwhile: Cleopatra.').and.include('1 that you ticked is gone.')
    expect(await totalOf(`/actors?id=${id.join(',')}&is_disabled=true`)).to.equal(0)
    await owner.send('/people/disable', { id, ...confirmed(other.text) })
    expect(await totalOf(`/actors?id=${id.join(',')}&is_disabled=true`)).to.equal(2)
  })

  it('people are added to a group and taken from it again', async () => {
    const id = await add('Gus', 'Hal')
    await owner.open('/people')
    for (const [path, total] of [
      ['/people/add-to-group', 2],
      ['/people/take-from-group', 0],
    ] as const) {
      const asked = await owner.send(path, { id, group: groupId })
      expect((await owner.send(path, { id, group: groupId, ...confirmed(asked.text) })).status).to.equal(303)
      expect(await totalOf(`/actors?group_id=${groupId}`)).to.equal(total)
    }
  })

  it('sessions of people are ended, with their sign-ins in clients, and the trail says so', async () => {
    const other = await portal.create('/actors', { name: 'Olga', email: 'olga@example.org', type: 'owner' })
    const olga = await AdminVisitor.signIn(portal, other.id)
    expect((await olga.open('/people')).status).to.equal(200)
    await owner.open('/people')
    const asked = await owner.send('/people/end-sessions', { id: other.id })
    expect(asked.text).to.include('End the sessions of 1 person?')
    expect((await olga.open('/people')).status, 'a look ends nothing').to.equal(200)
    await owner.send('/people/end-sessions', { id: other.id, ...confirmed(asked.text) })
    expect((await olga.open('/people')).status).to.equal(302)
    expect(await totalOf(`/audit_log?kind=sign_in&action=signed_out&actor_id=${other.id}`)).to.equal(1)
  })

  it('a refusal names the row, and nothing of the others is done', async () => {
    const id = await add('Ida')
    const admin = await portal.create('/actors', { name: 'Adi', email: 'adi@example.org', type: 'admin' })
    const { body } = await portal.api('GET', `/actors/${portal.admin.id}`)
    const adi = await AdminVisitor.signIn(portal, admin.id)
    await adi.open('/people')
    const refused = await adi.send('/people/disable', { id: [...id, portal.admin.id], save: '1' })
    expect(refused.status).to.equal(403)
    expect(refused.text).to.include(`<p>${body.name}: `)
    expect(await totalOf(`/actors?id=${id.join(',')}&is_disabled=true`)).to.equal(0)
  })

  it('policies, tokens, groups and resources are changed and deleted, with what goes along', async () => {
    const site = await portal.create('/sites', { name: 'Berlin' })
    const address = { type: 'ip', address: '192.0.2.1', site_id: site.id }
    const resource = await portal.create('/resources', { name: 'Wiki', ...address })
    await portal.create('/policies', { group_id: groupId, resource_id: resource.id })
    await owner.open('/policies')
    const off = await owner.send('/policies/shadow', { match: '?' })
    await owner.send('/policies/shadow', { match: '?', ...confirmed(off.text) })
    expect(await totalOf('/policies?mode=shadow')).to.equal(1)
    const gone = await owner.send('/groups/delete', { id: groupId })
    expect(gone.text).to.include('Goes along').and.include('1 policy')
    await owner.send('/groups/delete', { id: groupId, ...confirmed(gone.text) })
    expect([await totalOf('/groups'), await totalOf('/policies')]).to.deep.equal([0, 0])
  })

  it('a choice of nothing asks for rows', async () => {
    await owner.open('/people')
    const { text } = await owner.send('/people/disable', {})
    expect(text).to.include('No person is selected.')
  })
})
