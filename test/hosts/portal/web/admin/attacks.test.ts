import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { AdminVisitor, hidden } from '../../../../kit/admin-visitor.ts'
import type { PortalFixture } from '../../../../kit/portal-fixture.ts'
import { SigningPortal } from '../../../../kit/signing-portal.ts'

describe('pages for admins under attack', () => {
  let signing: SigningPortal
  let portal: PortalFixture
  let owner: AdminVisitor
  let helpdesk: AdminVisitor
  let ids: Record<'group' | 'resource' | 'site' | 'person' | 'policy', string>

  before(async () => {
    signing = await SigningPortal.start()
    ;({ portal } = signing)
    await portal.api('PATCH', `/identity_providers/${signing.provider.id}`, { email_domains: ['example.org'] })
    const site = await portal.create('/sites', { name: 'Main' })
    const group = await portal.create('/groups', { name: '<i>"Finance\'' })
    const person = await portal.create('/actors', { name: '<i>"Ada\'', email: 'ada@example.org' })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [person.id] })
    const resource = await portal.create('/resources', {
      name: '<i>"Payroll\'',
      type: 'dns',
      address: 'payroll.example.org',
      site_id: site.id,
    })
    const policy = await portal.create('/policies', {
      group_id: group.id,
      resource_id: resource.id,
      description: '<i>"Ours\'',
    })
    ids = { group: group.id, resource: resource.id, site: site.id, person: person.id, policy: policy.id }
    owner = await AdminVisitor.signIn(portal)
    await portal.create('/actors', { name: 'Hal', email: 'hal@example.org', type: 'helpdesk' })
    helpdesk = await AdminVisitor.signInBy(portal, signing.provider, 'hal')
  })
  after(async () => signing.stop())

  it('show names and descriptions with markup as text', async () => {
    const { group, resource, person, policy } = ids
    const explained = `/explain?actor=${person}&resource=${resource}`
    for (const path of [
      '/people',
      `/people/${person}`,
      `/groups/${group}/delete`,
      `/policies/${policy}/edit`,
      explained,
    ]) {
      const { status, text } = await owner.open(path)
      expect([path, status]).to.deep.equal([path, 200])
      expect(text).to.include('&lt;i&gt;&quot;').and.not.include('<i>')
    }
  })

  it('show names of fields that a form made up as text', async () => {
    await owner.open('/policies/new')
    const index = '0"><i>'
    const fields = { group_id: ids.group, resource_id: ids.resource, c: index, [`c${index}`]: 'remote-ip' }
    const { status, text } = await owner.send('/policies/new', fields)
    expect(status).to.equal(200)
    expect(text).to.include('c0&quot;&gt;&lt;i&gt;.ranges').and.not.include('<i>')
  })

  it('refuse numbers that were not offered, without failing', async () => {
    const panel = await owner.open(`/sites/${ids.site}/deploy?since=1e300`)
    expect(panel.status).to.equal(200)
    await owner.open('/tokens/new')
    for (const days of ['', 'abc', '1e300', '-1']) {
      const fields = { name: 'CI', actor: portal.admin.id, scope: 'read', days, save: '1' }
      const { status, text } = await owner.send('/tokens/new', fields)
      expect([days, status]).to.deep.equal([days, 422])
      expect(text).to.include('aria-invalid="true"')
    }
  })

  it('offer all rows as CSV whatever the page was', async () => {
    const { status, text } = await owner.open('/people.csv?after=elsewhere')
    expect(status).to.equal(200)
    expect(text).to.include(ids.person)
  })

  it('refuse a form with more fields than a person fills in', async () => {
    await owner.open('/policies/new')
    const { status } = await owner.send('/policies/new', { c: Array.from({ length: 4_001 }, () => '') })
    expect(status).to.equal(413)
  })

  it('answer a form whose fields name each other with no longer page than the form is', async () => {
    await owner.open('/policies/new')
    const { status, text } = await owner.send('/policies/new', { c: Array.from({ length: 3_000 }, () => '') })
    expect(status).to.equal(200)
    expect(text.length).to.be.below(50_000)
  })

  it('show policies only to who may read policies', async () => {
    const page = await helpdesk.open(`/groups/${ids.group}`)
    expect(page.status).to.equal(200)
    expect(page.text).to.include('&quot;Ada').and.not.include('Ours').and.not.include(ids.policy)
  })

  it('explain to the helpdesk what it takes, and lead to nothing that it may not open', async () => {
    const { text } = await helpdesk.open(`/explain?actor=${ids.person}&resource=${ids.resource}`)
    expect(text).to.include('may use').and.include('Ours')
    expect(text).not.to.match(/href="[^"]*\/(?:policies|resources|graph|simulate)/)
  })

  it('carry out no form of somebody without its permission', async () => {
    await helpdesk.open('/people')
    const forms = [
      '/people/new',
      `/people/${ids.person}/edit`,
      `/people/${ids.person}/delete`,
      '/people/disable',
      '/people/add-to-group',
      `/groups/${ids.group}/members`,
      `/groups/${ids.group}/delete`,
      '/policies/new',
      `/policies/${ids.policy}/delete`,
      `/sites/${ids.site}/deploy`,
      '/tokens/new',
      '/providers/new',
      `/providers/${signing.provider.id}/test`,
      `/providers/${signing.provider.id}/test/x`,
      `/providers/${signing.provider.id}/enable`,
      '/settings',
      `/audit/0-${ids.group}/roll-back`,
    ]
    for (const path of forms) {
      for (const save of [{}, { save: '1' }]) {
        const { status, text } = await helpdesk.send(path, { id: ids.person, group: ids.group, name: 'Eve', ...save })
        expect([path, status]).to.deep.equal([path, 403])
        expect(text).not.to.include('Payroll')
      }
    }
    expect((await portal.api('GET', `/actors/${ids.person}`)).body.is_disabled).to.equal(false)
  })

  it('know nothing of the rows of another account', async () => {
    const other = await portal.addAccount('other')
    const theirs = async (path: string, body: object) => (await portal.api('POST', path, body, other.token)).body.id
    const group = await theirs('/groups', { name: 'Theirs' })
    const person = await theirs('/actors', { name: 'Theirs', email: 'x@example.org' })
    const site = await theirs('/sites', { name: 'Theirs' })
    const paths = [`/groups/${group}`, `/groups/${group}/members`, `/groups/${group}/delete`, `/people/${person}`]
    for (const path of [...paths, `/people/${person}/edit`, `/sites/${site}`, `/sites/${site}/deploy`]) {
      const { status, text } = await owner.open(path)
      expect([path, status]).to.deep.equal([path, 404])
      expect(text).not.to.include('Theirs')
      const sent = await owner.send(path, { save: '1' })
      expect(sent.text).not.to.include('Theirs')
    }
    await owner.open('/people')
    const added = await owner.send('/people/add-to-group', { id: [person, ids.person], group, save: '1' })
    expect(added.status).to.equal(404)
    expect(added.text).not.to.include('Theirs')
    const disabled = await owner.send('/people/disable', { id: [person] })
    expect(disabled.text).to.include('Disable 0').and.not.include('Theirs')
    const policy = await owner.send('/policies/new', { group_id: group, resource_id: ids.resource, save: '1' })
    expect(policy.status).to.be.within(400, 499)
    expect(policy.text).not.to.include('Theirs')
    const stream = await owner.open(`/stream?page=${encodeURIComponent(`/other/admin/groups/${group}`)}`)
    expect(stream.status).to.equal(404)
  })

  it('carry out no form with the mark of another session', async () => {
    const another = await AdminVisitor.signIn(portal)
    const csrf = hidden((await another.open('/groups/new')).text, 'csrf')
    for (const given of [csrf, '', [csrf, csrf]]) {
      const { status } = await owner.send('/groups/new', { csrf: given, name: 'Forged', save: '1' })
      expect(status).to.equal(403)
    }
    const groups = (await portal.api('GET', '/groups')).body.data
    expect(groups.map(({ name }: { name: string }) => name)).not.to.include('Forged')
  })

  it('answer odd queries and paths without failing', async () => {
    const { site, person, resource } = ids
    const asked = [
      '/people?sort[]=x&limit=1e9&__proto__=1&column=x&q=%ff',
      '/people?after=elsewhere',
      '/people?q=%00',
      '/people?group_id=%00',
      '/people?find.group_id=%00',
      '/people/%E0%A4%A',
      '/people/%00',
      '/audit?after=elsewhere',
      '/audit?entity_id=%00',
      '/audit/999999999999999-00000000-0000-0000-0000-000000000000/roll-back',
      '/sign-ins/%00/end',
      '/authorizations/%00/end',
      `/sites/${site}/deploy?since=-1`,
      `/explain?actor=${person}&resource=${resource}&port=1e99&address=%00&device=x`,
      '/stream?page=%00',
      '/stream?page=/example/admin/people?after=elsewhere',
    ]
    for (const path of asked) expect((await owner.open(path)).status, path).to.be.below(500)
  })

  it('end the stream of somebody who lost the role, before it shows another change', async () => {
    const lost = await portal.create('/actors', { name: 'Lou', email: 'lou@example.org', type: 'auditor' })
    const auditor = await AdminVisitor.signInBy(portal, signing.provider, 'lou')
    const read = await auditor.openStream('/resources')
    await read('event: beat')
    await portal.api('PATCH', `/actors/${lost.id}`, { type: 'user' })
    await portal.api('PATCH', `/resources/${ids.resource}`, { name: 'Renamed' })
    const told = await read('event: end')
    expect(told).to.include('You may not see this page any more.').and.not.include('Renamed')
  })

  it('say that a secret has to be typed again where a form is shown again', async () => {
    const path = `/providers/${signing.provider.id}/edit`
    const page = await owner.open(path)
    const secret = /name="(s\.[^"]*)" type="password"/.exec(page.text)?.[1] ?? ''
    const { text } = await owner.send(path, { name: 'Provider', [secret]: 'hunter-two' })
    expect(text).to.include('Type it again').and.not.include('hunter-two')
  })
})
