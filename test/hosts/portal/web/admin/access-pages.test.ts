import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { foldGraph } from '../../../../../hosts/portal/web/admin/access/fold-graph.ts'
import type { AccessGraph } from '../../../../../hosts/portal/web/admin/access/access-graph.ts'
import { AdminVisitor } from '../../../../kit/admin-visitor.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('pages about access', () => {
  let portal: PortalFixture
  let owner: AdminVisitor
  const ids: Record<string, string> = {}

  before(async () => {
    portal = await PortalFixture.start()
    const make = async (path: string, body: object, key: string) => {
      ids[key] = (await portal.create(path, body)).id
    }
    await make('/sites', { name: 'Frankfurt' }, 'site')
    await make('/groups', { name: 'Finance' }, 'finance')
    await make('/groups', { name: 'On call' }, 'onCall')
    await make('/actors', { name: 'Ada Brandt', email: 'ada@example.org' }, 'ada')
    await make('/actors', { name: 'Ben Osei', email: 'ben@example.org' }, 'ben')
    for (const name of ['Payroll', 'Archive']) {
      const address = `${name.toLowerCase()}.example.org`
      await make('/resources', { name, type: 'dns', address, site_id: ids['site'] }, name)
    }
    await portal.api('PUT', `/groups/${ids['finance']}/memberships`, { actor_ids: [ids['ada'], ids['ben']] })
    await portal.api('PUT', `/groups/${ids['onCall']}/memberships`, { actor_ids: [ids['ada']] })
    const elsewhere = { condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24'] } }
    const policy = (group: string, resource: string, rest: object) => ({
      group_id: ids[group],
      resource_id: ids[resource],
      ...rest,
    })
    await make('/policies', policy('finance', 'Payroll', {}), 'policy')
    await make('/policies', policy('finance', 'Archive', { conditions: [elsewhere] }), 'conditional')
    await make('/policies', policy('onCall', 'Payroll', { mode: 'shadow' }), 'shadow')
    owner = await AdminVisitor.signIn(portal)
  })
  after(async () => portal.stop())

  it('the graph draws verdicts with their reasons as links, and the table beneath says the same', async () => {
    const { status, text } = await owner.open(`/graph?about=${ids['ada']}`)
    expect(status).to.equal(200)
    expect(text).to.include('<title>Access of Ada Brandt')
    expect(text).to.include('<title>Finance → Payroll: allowed, until something changes</title>')
    expect(text).to.include('<title>Finance → Archive: denied')
    expect(text).to.include('<title>On call → Payroll: shadow: would be allowed')
    expect(text).to.include('3 edges, those that are not allowed first').and.include('0 of 0 gateways')
    expect(text.match(/class="edge (?:yes|no|shadow)"/g)).to.have.length(3)
    expect(text.match(/<tr role="row"><th role="rowheader"/g)).to.have.length(3)
    const explain = `/example/admin/explain?actor=${ids['ada']}&amp;resource=${ids['Archive']}`
    expect(text).to.include(`<a href="${explain}" class="edge no">`)
    expect(text).not.to.match(/\sstyle=|NaN|undefined/)
  })

  it('the graph turns about a group, a resource or a site, found by its name', async () => {
    for (const about of ['Finance', 'Payroll', 'frankfurt']) {
      const { text } = await owner.open(`/graph?about=${about}`)
      expect(text, about).to.include('<title>Ben Osei → Payroll: allowed, until something changes</title>')
    }
    expect((await owner.open('/graph?about=zoe')).text).to.include('Nothing has this name')
    expect((await owner.open('/graph?about=n')).text)
      .to.include('Several things fit')
      .and.include('Ada Brandt')
    const closed = await owner.open(`/graph?about=${ids['finance']}&show=closed`)
    expect(closed.text).to.include('Ben Osei → Archive: denied').and.not.include('Ben Osei → Payroll')
  })

  it('like edges of a crowded graph fold into one, which says how many and what they have in common', () => {
    const people = Array.from({ length: 43 }, (_, at) => `person-${at}`)
    const verdict = {
      kind: 'yes',
      word: 'allowed',
      why: 'until something changes',
      policies: [],
      path: '/explain',
    } as const
    const node = (id: string, kind: 'person' | 'resource' | 'group') =>
      ({ id, kind, name: id, detail: '', isPivot: kind === 'group', isIll: false, leadsTo: id }) as const
    const graph: AccessGraph = {
      nodes: [node('group', 'group'), ...people.map((id) => node(id, 'person')), node('wiki', 'resource')],
      edges: people.flatMap((id) => [
        { from: 'group', to: id },
        { from: id, to: 'wiki', verdict: id === 'person-7' ? { ...verdict, kind: 'no' as const } : verdict },
      ]),
    }
    const folded = foldGraph(graph, 10)
    expect(folded.nodes.map(({ name }) => name)).to.deep.equal([
      'group',
      'person-0',
      'person-1',
      '40 more people',
      'person-7',
      'wiki',
    ])
    expect(folded.edges.find(({ from }) => from.startsWith('more'))?.verdict?.word).to.equal('40, all allowed')
    expect(foldGraph(graph, 60)).to.equal(graph)
  })

  it('the palette answers a person and a resource in one line, whatever their order, and finds by a part of a name', async () => {
    for (const q of ['ada pay', 'payroll Ada Brandt']) {
      const { text } = await owner.open(`/find?q=${encodeURIComponent(q)}`)
      expect(text, q).to.include('Ada Brandt may use Payroll now.').and.include('until something changes')
    }
    const denied = await owner.open('/find?q=ben%20archive')
    expect(denied.text).to.include('Ben Osei may not use Archive')
    expect(denied.text).to.include(`/example/admin/explain?actor=${ids['ben']}&amp;resource=${ids['Archive']}`)
    const found = await owner.open('/find?q=financ')
    expect(found.text)
      .to.include(`href="/example/admin/groups/${ids['finance']}"`)
      .and.include('Change who is in Finance')
    expect((await owner.open('/find?q=simul')).text).to.include('href="/example/admin/simulate"')
    expect((await owner.open('/find?q=zoe')).text).to.include('Nothing has this in its name')
  })

  it('a simulation tells who would gain and lose, also from another address, and changes nothing', async () => {
    const removed = await owner.open(`/simulate?kind=remove_policy&policy=${ids['policy']}`)
    expect(removed.text).to.include('2 people lose access.').and.include('without the policy Finance → Payroll')
    expect(removed.text).to.include(`name="c" value="remove_policy.${ids['policy']}"`)
    const left = `c=remove_membership.${ids['ada']}.${ids['finance']}`
    expect((await owner.open(`/simulate?${left}`)).text).to.include('1 person loses access.')
    const inside = await owner.open(`/simulate?c=remove_policy.${ids['conditional']}&address=192.0.2.7`)
    expect(inside.text).to.include('2 people lose access.')
    expect((await owner.open(`/simulate?c=disable_actor.${ids['ben']}`)).text).to.include('Ben Osei disabled')
    const missing = await owner.open(`/simulate?kind=add_membership&person=${ids['ben']}`)
    expect(missing.text).to.include('Choose a person and a group.')
    expect((await owner.open('/simulate?c=remove_policy.no')).text).to.include('No answer')
    expect((await portal.api('GET', `/policies/${ids['policy']}`)).status).to.equal(200)
  })
})
