import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { AdminVisitor, hidden } from '../../../../kit/admin-visitor.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('the form of a policy', () => {
  let portal: PortalFixture
  let admin: AdminVisitor
  let ids: Record<'group' | 'resource' | 'ada' | 'ben', string>

  before(async () => {
    portal = await PortalFixture.start()
    const site = await portal.create('/sites', { name: 'Main' })
    const group = await portal.create('/groups', { name: 'Finance' })
    const [ada, ben] = [
      await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' }),
      await portal.create('/actors', { name: 'Ben', email: 'ben@example.org' }),
    ]
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada.id, ben.id] })
    const resource = await portal.create('/resources', {
      name: 'Payroll',
      type: 'dns',
      address: 'payroll.example.org',
      site_id: site.id,
    })
    ids = { group: group.id, resource: resource.id, ada: ada.id, ben: ben.id }
    admin = await AdminVisitor.signIn(portal)
  })
  after(async () => portal.stop())

  const policies = async () => (await portal.api('GET', '/policies')).body.data
  const fields = () => ({ group_id: ids.group, resource_id: ids.resource, mode: 'enforced', description: '' })

  it('shows who gains before a policy is made, saves what was shown, and nothing else', async () => {
    await admin.open('/policies/new')
    const shown = await admin.send('/policies/new', { ...fields(), save: '1' })
    expect(shown.status).to.equal(200)
    expect(shown.text).to.include('2 people gain access').and.include('Ada, Payroll')
    expect(await policies()).to.deep.equal([])
    // Somebody takes Ben out of the group meanwhile: what was shown is not what would happen.
    await portal.api('PATCH', `/groups/${ids.group}/memberships`, { remove: [ids.ben] })
    const digest = hidden(shown.text, 'digest')
    const other = await admin.send('/policies/new', { ...fields(), digest, save: '1' })
    expect(other.text).to.include('it does has become another').and.include('1 person gains access')
    expect(await policies()).to.deep.equal([])
    const saved = await admin.send('/policies/new', { ...fields(), digest: hidden(other.text, 'digest'), save: '1' })
    expect([saved.status, saved.location]).to.deep.equal([303, '/example/admin/policies'])
    expect(await policies()).to.have.length(1)
  })

  it('a condition is a form made from the schema of its plugin, and wrong settings are said at their field', async () => {
    const [{ id }] = await policies()
    await admin.open(`/policies/${id}/edit`)
    const adding = await admin.send(`/policies/${id}/edit`, { ...fields(), kind: 'remote-ip', add: '1' })
    expect(adding.text).to.include('name="c0.ranges"').and.include('name="c0" value="remote-ip"')
    const wrong = { ...fields(), c: '0', c0: 'remote-ip', 'c0.ranges': '192.0.2.0/24\n203.0.113.7/26', save: '1' }
    const refused = await admin.send(`/policies/${id}/edit`, wrong)
    expect(refused.status).to.equal(422)
    expect(refused.text).to.match(
      /<textarea id="f-c0.ranges"[^>]*aria-invalid="true"[^>]*>192.0.2.0\/24\s203.0.113.7\/26/,
    )
    const right = { ...wrong, 'c0.ranges': '192.0.2.0/24' }
    const shown = await admin.send(`/policies/${id}/edit`, right)
    expect(shown.text).to.include('1 person loses access')
    const saved = await admin.send(`/policies/${id}/edit`, { ...right, digest: hidden(shown.text, 'digest') })
    expect(saved.status).to.equal(303)
    expect((await policies())[0].conditions).to.deep.equal([
      { condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24'] } },
    ])
    const again = await admin.open(`/policies/${id}/edit`)
    expect(again.text).to.include('>192.0.2.0/24</textarea>')
  })

  it('who saves second sees both versions by field, and chooses one of them', async () => {
    const [{ id }] = await policies()
    const page = await admin.open(`/policies/${id}/edit`)
    await portal.api('PATCH', `/policies/${id}`, { description: 'Theirs' })
    const mine = {
      ...fields(),
      mode: 'disabled',
      description: 'Mine',
      version: hidden(page.text, 'version'),
      save: '1',
    }
    // Looking at the difference, as a browser does while one types, decides nothing.
    const { save: _, ...looking } = mine
    const looked = await admin.send(`/policies/${id}/edit`, looking)
    expect(looked.status).to.equal(200)
    expect(looked.text).to.include('Somebody else saved this meanwhile').and.include('value="Mine"')
    expect(hidden(looked.text, 'version')).to.equal(mine.version)
    const refused = await admin.send(`/policies/${id}/edit`, { ...mine, digest: hidden(looked.text, 'digest') })
    expect(refused.status).to.equal(412)
    const texts = refused.text.replaceAll(/<[^>]*>/g, '|').replaceAll(/\|+/g, '|')
    expect(texts).to.include('|Description|Theirs|Mine|').and.include('|Mode|Enforced|Disabled|')
    expect(texts)
      .to.include('Keep theirs')
      .and.include('Edit again from theirs')
      .and.include('Nobody gains or loses access')
    expect(texts).not.to.include('|Group|')
    expect((await policies())[0].description).to.equal('Theirs')
    const over = {
      ...mine,
      version: hidden(refused.text, 'version'),
      digest: hidden(refused.text, 'digest'),
    }
    const saved = await admin.send(`/policies/${id}/edit`, over)
    expect(saved.status).to.equal(303)
    expect((await policies())[0].description).to.equal('Mine')
    await portal.api('PATCH', `/policies/${id}`, { is_disabled: false, mode: 'enforced' })
  })

  it('deleting asks first, and says who loses what', async () => {
    const [{ id }] = await policies()
    await portal.api('PATCH', `/policies/${id}`, { conditions: [] })
    const asked = await admin.open(`/policies/${id}/delete`)
    expect(asked.text).to.include('1 person loses access')
    const unasked = await admin.send(`/policies/${id}/delete`, { save: '1' })
    expect(unasked.status).to.equal(200)
    expect(await policies()).to.have.length(1)
    const done = await admin.send(`/policies/${id}/delete`, { save: '1', digest: hidden(asked.text, 'digest') })
    expect(done.status).to.equal(303)
    expect(await policies()).to.deep.equal([])
  })
})
