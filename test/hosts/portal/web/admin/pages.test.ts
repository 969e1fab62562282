import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { AdminVisitor, hidden } from '../../../../kit/admin-visitor.ts'
import type { PortalFixture } from '../../../../kit/portal-fixture.ts'
import { OPENID_CLIENT } from '../../../../kit/openid-provider.ts'
import { SigningPortal } from '../../../../kit/signing-portal.ts'

const ROLES = ['owner', 'admin', 'auditor', 'helpdesk'] as const
type Role = (typeof ROLES)[number]

/** Roles that may open each page, written down here, not derived from the product. */
const PAGES: Readonly<Record<string, readonly Role[]>> = {
  '': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/people': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/people.csv': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/people/new': ['owner', 'admin'],
  '/people/PERSON': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/people/PERSON/edit': ['owner', 'admin'],
  '/people/PERSON/delete': ['owner', 'admin'],
  '/people/add-to-group': ['owner', 'admin'],
  '/people/take-from-group': ['owner', 'admin'],
  '/people/end-sessions': ['owner', 'admin', 'helpdesk'],
  '/people/enable': ['owner', 'admin'],
  '/people/disable': ['owner', 'admin'],
  '/people/delete': ['owner', 'admin'],
  '/service-accounts/add-to-group': ['owner', 'admin'],
  '/service-accounts/take-from-group': ['owner', 'admin'],
  '/service-accounts/enable': ['owner', 'admin'],
  '/service-accounts/disable': ['owner', 'admin'],
  '/service-accounts/delete': ['owner', 'admin'],
  '/groups/delete': ['owner', 'admin'],
  '/devices/verify': ['owner', 'admin', 'helpdesk'],
  '/devices/unverify': ['owner', 'admin', 'helpdesk'],
  '/devices/delete': ['owner', 'admin', 'helpdesk'],
  '/sites/delete': ['owner', 'admin'],
  '/resources/delete': ['owner', 'admin'],
  '/policies/enable': ['owner', 'admin'],
  '/policies/disable': ['owner', 'admin'],
  '/policies/enforce': ['owner', 'admin'],
  '/policies/shadow': ['owner', 'admin'],
  '/policies/delete': ['owner', 'admin'],
  '/authorizations/end-all': ['owner', 'admin'],
  '/providers/enable': ['owner'],
  '/providers/disable': ['owner'],
  '/tokens/revoke': ['owner', 'admin'],
  '/service-accounts': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/service-accounts.csv': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/service-accounts/new': ['owner', 'admin'],
  '/groups': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/groups.csv': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/groups/new': ['owner', 'admin'],
  '/groups/GROUP': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/groups/GROUP/edit': ['owner', 'admin'],
  '/groups/GROUP/members': ['owner', 'admin'],
  '/groups/GROUP/delete': ['owner', 'admin'],
  '/devices': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/devices.csv': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/sites': ['owner', 'admin', 'auditor'],
  '/sites.csv': ['owner', 'admin', 'auditor'],
  '/sites/new': ['owner', 'admin'],
  '/sites/SITE': ['owner', 'admin', 'auditor'],
  '/sites/SITE/edit': ['owner', 'admin'],
  '/sites/SITE/delete': ['owner', 'admin'],
  '/sites/SITE/deploy': ['owner', 'admin'],
  '/resources': ['owner', 'admin', 'auditor'],
  '/resources.csv': ['owner', 'admin', 'auditor'],
  '/resources/new': ['owner', 'admin'],
  '/resources/RESOURCE': ['owner', 'admin', 'auditor'],
  '/resources/RESOURCE/edit': ['owner', 'admin'],
  '/resources/RESOURCE/delete': ['owner', 'admin'],
  '/policies': ['owner', 'admin', 'auditor'],
  '/policies.csv': ['owner', 'admin', 'auditor'],
  '/policies/new': ['owner', 'admin'],
  '/policies/POLICY/edit': ['owner', 'admin', 'auditor'],
  '/policies/POLICY/delete': ['owner', 'admin'],
  '/explain': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/explain?actor=PERSON&resource=RESOURCE': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/find': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/find?q=ada%20pay': ['owner', 'admin', 'auditor', 'helpdesk'],
  '/simulate': ['owner', 'admin', 'auditor'],
  '/simulate?c=remove_policy.POLICY': ['owner', 'admin', 'auditor'],
  '/graph': ['owner', 'admin', 'auditor'],
  '/graph?about=GROUP': ['owner', 'admin', 'auditor'],
  '/audit': ['owner', 'admin', 'auditor'],
  '/audit.csv': ['owner', 'admin', 'auditor'],
  '/audit.ndjson': ['owner', 'admin', 'auditor'],
  '/authorizations': ['owner', 'admin', 'auditor'],
  '/authorizations.csv': ['owner', 'admin', 'auditor'],
  '/providers': ['owner', 'admin', 'auditor'],
  '/providers.csv': ['owner', 'admin', 'auditor'],
  '/providers/new': ['owner'],
  '/providers/PROVIDER/edit': ['owner', 'admin', 'auditor'],
  '/providers/PROVIDER/test': ['owner', 'admin', 'auditor'],
  '/providers/PROVIDER/test/x': ['owner'],
  '/providers/PROVIDER/enable': ['owner'],
  '/providers/PROVIDER/delete': ['owner'],
  '/tokens': ['owner', 'admin', 'auditor'],
  '/tokens.csv': ['owner', 'admin', 'auditor'],
  '/tokens/new': ['owner', 'admin'],
  '/plugins': ['owner', 'admin', 'auditor'],
  '/settings': ['owner', 'admin', 'auditor'],
  '/dns': ['owner', 'admin', 'auditor'],
}

describe('pages for admins', () => {
  let signing: SigningPortal
  let portal: PortalFixture
  let owner: AdminVisitor
  let ids: Record<'PERSON' | 'GROUP' | 'SITE' | 'RESOURCE' | 'POLICY' | 'PROVIDER', string>

  before(async () => {
    signing = await SigningPortal.start()
    ;({ portal } = signing)
    const { provider } = signing
    await portal.api('PATCH', `/identity_providers/${provider.id}`, { email_domains: ['example.org'] })
    const site = await portal.create('/sites', { name: 'Frankfurt' })
    const group = await portal.create('/groups', { name: 'Finance' })
    const person = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    await portal.create('/actors', { name: 'Ben', email: 'ben@example.org' })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [person.id] })
    const resource = await portal.create('/resources', {
      name: 'Payroll',
      type: 'dns',
      address: 'payroll.example.org',
      site_id: site.id,
    })
    const policy = await portal.create('/policies', { group_id: group.id, resource_id: resource.id })
    ids = {
      PERSON: person.id,
      GROUP: group.id,
      SITE: site.id,
      RESOURCE: resource.id,
      POLICY: policy.id,
      PROVIDER: provider.id,
    }
    owner = await AdminVisitor.signIn(portal)
  })
  after(async () => signing.stop())

  const filled = (path: string): string =>
    path.replaceAll(/PERSON|GROUP|SITE|RESOURCE|POLICY|PROVIDER/g, (name) => ids[name as keyof typeof ids])

  const visitorOf = async (role: Role): Promise<AdminVisitor> => {
    if (role === 'owner') return owner
    await portal.create('/actors', { name: role, email: `the-${role}@example.org`, type: role })
    return AdminVisitor.signInBy(portal, signing.provider, `the-${role}`)
  }

  for (const role of ROLES) {
    it(`open to the role ${role} as far as it goes, and say what is missing beyond`, async () => {
      const visitor = await visitorOf(role)
      for (const [path, roles] of Object.entries(PAGES)) {
        const { status, text } = await visitor.open(filled(path))
        const expected = roles.includes(role) ? 200 : 403
        expect(status, `${role} ${path}: ${text.slice(0, 300)}`).to.equal(expected)
      }
      if (role === 'auditor' || role === 'helpdesk') {
        const { text } = await visitor.open('/people')
        expect(text).to.include(`You read this as ${role}.`).and.not.include('Add a person')
        // The helpdesk ends sessions of many people at once, and does nothing else to them.
        const acts = [...text.matchAll(/formaction="[^"]*\/people\/([^"]*)"/g)].map(([, act]) => act)
        expect(acts).to.deep.equal(role === 'helpdesk' ? ['end-sessions'] : [])
        expect(text.includes('type="checkbox" name="id"')).to.equal(role === 'helpdesk')
      }
      if (role === 'auditor') {
        for (const path of ['/settings', '/dns', '/policies/POLICY/edit', '/providers/PROVIDER/edit']) {
          const { text } = await visitor.open(filled(path))
          expect(text, path)
            .to.include('You read this as auditor.')
            .and.match(/<dl class="facts"/)
          const [main] = /<main[^]*<\/main>/.exec(text) ?? []
          expect(main, path).not.to.match(/<(?:input|select|textarea)[^>]*name="(?!csrf)/)
          expect(text, path).not.to.include(OPENID_CLIENT.secret)
        }
      }
    })
  }

  it('send whoever is not signed in to the sign-in, and an ordinary person away', async () => {
    const answer = await fetch(`${portal.url}/example/admin/people?q=a`, { redirect: 'manual' })
    expect(answer.headers.get('location')).to.equal('/example?redirect_to=%2Fexample%2Fadmin%2Fpeople%3Fq%3Da')
    const visitor = await AdminVisitor.signInBy(portal, signing.provider, 'ada')
    const { status, text } = await visitor.open('')
    expect(status).to.equal(403)
    expect(text).to.include('Only admins of')
  })

  it('carry out no form that another page sent', async () => {
    await owner.open('/groups/new')
    const { status } = await owner.send('/groups/new', { csrf: ['x'], name: 'Guests', save: '1' })
    expect(status).to.equal(403)
    const { body } = await portal.api('GET', '/groups?search=Guests')
    expect(body.total).to.equal(0)
  })

  it('a list searches, filters, counts what matches, and names the filter that finds nothing', async () => {
    const found = await owner.open('/people?q=ADA')
    expect(found.text).to.include('<strong>1 person</strong> match').and.include('ada@example.org')
    expect(found.text).not.to.include('ben@example.org')
    const inGroup = await owner.open(`/people?group_id=${ids.GROUP}`)
    expect(inGroup.text).to.include('group: Finance').and.include('ada@example.org').and.not.include('ben@example.org')
    const none = await owner.open(`/people?group_id=${ids.GROUP}&q=zoe`)
    expect(none.text).to.include('Nothing matches.').and.include('Without text zoe')
    const csv = await owner.open('/people.csv?q=ada')
    expect(csv.headers.get('content-type')).to.include('text/csv')
    expect(csv.text.trim().split('\r\n')).to.have.length(2)
  })

  it('a list turns to the next page and back', async () => {
    const names = Array.from({ length: 15 }, (_, index) => `Group ${String(index).padStart(2, '0')}`)
    for (const name of names) await portal.create('/groups', { name })
    const first = await owner.open('/groups?limit=12&sort=-name')
    expect(first.text).to.include('1 to 12 of 16').and.include('Group 14').and.not.include('Group 02')
    const next = /<a class="button" href="([^"]*)" rel="next"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&')
    const second = await owner.open(`/groups${next ?? ''}`)
    expect(second.text).to.include('13 to 16 of 16').and.include('Group 02').and.not.include('Group 14')
    const previous = /<a class="button" href="([^"]*)" rel="prev"/.exec(second.text)?.[1]?.replaceAll('&amp;', '&')
    expect((await owner.open(`/groups${previous ?? ''}`)).text).to.include('1 to 12 of 16')
  })

  it('a group is made, filled and deleted with what hangs on it, by pages alone', async () => {
    await owner.open('/groups/new')
    const made = await owner.send('/groups/new', { name: 'On call', save: '1' })
    const path = made.location?.replace('/example/admin', '') ?? ''
    await owner.open(`${path}/members`)
    const filledIn = await owner.send(`${path}/members`, { actor_ids: ids.PERSON, save: '1' })
    expect(filledIn.status).to.equal(303)
    expect((await owner.open(path)).text).to.include('Ada')
    const asked = await owner.open(`${path}/delete`)
    const done = await owner.send(`${path}/delete`, { save: '1', digest: hidden(asked.text, 'digest') })
    expect(done.location).to.equal('/example/admin/groups')
  })

  it('ticked people are put into a group, or disabled, all of them after the difference was shown', async () => {
    const added = await Promise.all(
      ['Cleo', 'Dora'].map((name) => portal.create('/actors', { name, email: `${name.toLowerCase()}@example.org` })),
    )
    const id = added.map((person) => person.id)
    await owner.open('/people')
    const asked = await owner.send('/people/add-to-group', { id })
    expect(asked.text).to.include('Add 2 people to a group').and.include('Cleo, Dora')
    const shown = await owner.send('/people/add-to-group', { id, group: ids.GROUP, save: '1' })
    expect(shown.text).to.include('2 people gain access')
    const fields = { id, group: ids.GROUP, save: '1', digest: hidden(shown.text, 'digest') }
    expect((await owner.send('/people/add-to-group', fields)).location).to.equal('/example/admin/people')
    const off = await owner.send('/people/disable', { id })
    expect(off.text).to.include('Disable 2 people?').and.include('2 people lose access')
    await owner.send('/people/disable', { id, save: '1', digest: hidden(off.text, 'digest') })
    for (const each of id) expect((await portal.api('GET', `/actors/${each}`)).body.is_disabled).to.equal(true)
  })

  it('an explanation says why not, and which changes were tried and would help', async () => {
    const { body: people } = await portal.api('GET', '/actors?search=ben')
    const ben = people.data[0].id
    const { text } = await owner.open(`/explain?actor=${ben}&resource=${ids.RESOURCE}`)
    expect(text).to.include('Ben may not use Payroll.').and.include('Add Ben to the group Finance')
    expect(text).to.include('Nobody else gains access.')
    expect((await owner.open(`/explain?actor=nobody&resource=Payroll`)).text).to.include('No answer')
    expect((await owner.open(`/explain?actor=${ids.PERSON}&resource=Payroll`)).text).to.include(
      'Ada may use Payroll now.',
    )
  })

  it('the audit trail shows who changed which field, and never a secret', async () => {
    await portal.api('PATCH', `/groups/${ids.GROUP}`, { name: 'Accounting' })
    const { text } = await owner.open(`/audit?entity_id=${ids.GROUP}`)
    expect(text).to.include('<del>Finance</del> → <ins>Accounting</ins>').and.include('updated the group')
    await portal.api('PATCH', `/groups/${ids.GROUP}`, { name: 'Finance' })
  })

  it('a change is rolled back from the trail, after its difference, and not where it was changed again', async () => {
    const mine = async () => (await portal.api('GET', `/policies/${ids.POLICY}`)).body
    await portal.api('PATCH', `/policies/${ids.POLICY}`, { is_disabled: true })
    const undoUrl = async () => {
      const { text } = await owner.open(`/audit?entity_id=${ids.POLICY}`)
      return /href="\/example\/admin(\/audit\/[^"]*\/roll-back)"/.exec(text)?.[1] ?? ''
    }
    const url = await undoUrl()
    const asked = await owner.open(url)
    expect(asked.text).to.include('1 person gains access').and.include('Roll it back')
    await owner.send(url, { save: '1', digest: hidden(asked.text, 'digest') })
    expect((await mine()).is_disabled).to.equal(false)
    const again = await owner.open(url)
    expect(again.status).to.equal(409)
    expect(again.text).to.include('changed again at')
    await portal.api('PATCH', `/groups/${ids.GROUP}/memberships`, { remove: [ids.PERSON] })
    const trail = await owner.open('/audit?kind=change')
    const left = /href="\/example\/admin(\/audit\/[^"]*\/roll-back)"/.exec(trail.text)?.[1] ?? ''
    const back = await owner.open(left)
    await owner.send(left, { save: '1', digest: hidden(back.text, 'digest') })
    expect((await portal.api('GET', `/actors?group_id=${ids.GROUP}&search=Ada`)).body.total).to.equal(1)
  })

  it('the panel shows a token once, and ticks when the gateway has come', async () => {
    await owner.open(`/sites/${ids.SITE}/deploy`)
    const shown = await owner.send(`/sites/${ids.SITE}/deploy`, {})
    const token = /echo (\S+) \| portreeve gateway setup --portal /.exec(shown.text)?.[1] ?? ''
    expect(token.length).to.be.greaterThan(40)
    expect(shown.text).to.include('Waiting for the gateway')
    expect((await owner.open(`/sites/${ids.SITE}/deploy`)).text).not.to.include(token)
  })

  it('a token is shown once, listed without its text, and revoked', async () => {
    await owner.open('/tokens/new')
    const fields = { name: 'Backup', actor: portal.admin.id, scope: 'read', days: '30', save: '1' }
    const shown = await owner.send('/tokens/new', fields)
    const token = /aria-labelledby="shown">([^<]*)<\/pre>/.exec(shown.text)?.[1] ?? ''
    expect((await portal.api('GET', '/groups', undefined, token)).status).to.equal(200)
    expect((await portal.api('POST', '/groups', { name: 'No' }, token)).status).to.equal(403)
    const list = await owner.open('/tokens?q=Backup')
    expect(list.text).to.include('Backup').and.not.include(token)
    const url = /href="\/example\/admin(\/tokens\/[^"]*\/delete)"/.exec(list.text)?.[1] ?? ''
    const asked = await owner.open(url)
    expect((await owner.send(url, { save: '1', digest: hidden(asked.text, 'digest') })).status).to.equal(303)
    expect((await portal.api('GET', '/groups', undefined, token)).status).to.equal(401)
  })

  it('an identity provider is a form made from its plugin, whose secret is never shown', async () => {
    const { provider } = signing
    const { text } = await owner.open(`/providers/${provider.id}/edit`)
    expect(text).to.include('name="s.issuer"').and.include('name="s.client_secret" type="password" value=""')
    expect(text).not.to.include(OPENID_CLIENT.secret)
    const off = await owner.send(`/providers/${provider.id}/edit`, {
      name: 'Example ID',
      is_disabled: 'true',
      save: '1',
    })
    expect(off.status).to.be.oneOf([200, 409, 422])
    expect((await portal.api('GET', `/identity_providers/${provider.id}`)).body.is_disabled).to.equal(false)
  })

  it('resolvers of the account are a list of forms made from their plugins', async () => {
    await owner.open('/dns')
    const added = await owner.send('/dns', { search_domain: 'example.org', kind: 'udp', add: '1' })
    expect(added.text).to.include('1. udp').and.include('name="r0"')
    const name = /name="(r0\.[a-z_]+)"/.exec(added.text)?.[1] ?? ''
    const fields = { search_domain: 'example.org', r: '0', r0: 'udp', [name]: '192.0.2.53', save: '1' }
    const refused = await owner.send('/dns', { ...fields, [name]: 'nowhere' })
    expect(refused.status).to.equal(422)
    const shown = await owner.send('/dns', fields)
    expect(shown.status, shown.text.slice(0, 2_000)).to.equal(303)
    const { body } = await portal.api('GET', '/account')
    expect(body.search_domain).to.equal('example.org')
    expect(body.upstream_resolvers).to.have.length(1)
  })

  it('settings change the name of the organisation, and only what was changed', async () => {
    const page = await owner.open('/settings')
    const ranges = Object.fromEntries(
      [...page.text.matchAll(/name="((?:devices|mapped)_ipv[46])"[^>]* value="([^"]*)"/g)].map(([, name, value]) => [
        name,
        value,
      ]),
    ) as Record<string, string>
    expect(Object.keys(ranges)).to.have.length(4)
    expect((await owner.send('/settings', { name: 'Example Org', ...ranges, save: '1' })).status).to.equal(303)
    expect((await owner.open('/settings')).text).to.include('Example Org')
    const wrong = await owner.send('/settings', {
      name: 'Example Org',
      ...ranges,
      devices_ipv4: '8.8.8.0/24',
      save: '1',
    })
    expect(wrong.status).to.equal(422)
  })

  it('nobody locks the account out', async () => {
    await owner.open(`/people/${portal.admin.id}/delete`)
    const { status, text } = await owner.send(`/people/${portal.admin.id}/delete`, { save: '1' })
    expect(status).to.equal(409)
    expect(text).to.include('Not saved')
  })
})
