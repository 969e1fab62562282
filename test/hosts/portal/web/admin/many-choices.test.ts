import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { AdminVisitor, hidden } from '../../../../kit/admin-visitor.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const MANY = 150

describe('choices of many rows on pages for admins', () => {
  let portal: PortalFixture
  let owner: AdminVisitor
  let groupId: string
  const people = new Map<string, string>()

  before(async () => {
    portal = await PortalFixture.start()
    const names = Array.from({ length: MANY }, (_, index) => `Person ${String(index).padStart(3, '0')}`)
    const operations = [
      ...names.map((name) => ({ method: 'POST', path: '/actors', body: { name } })),
      ...names.map((name) => ({ method: 'POST', path: '/groups', body: { name: name.replace('Person', 'Group') } })),
    ]
    const { body } = await portal.api('POST', '/bulk', { operations })
    for (const [index, name] of names.entries()) people.set(name, body.results[index].id)
    groupId = body.results[MANY + 140].id
    owner = await AdminVisitor.signIn(portal)
  })
  after(async () => portal.stop())

  const idOf = (name: string): string => people.get(name) ?? ''
  const options = (text: string, select: string): string[] => {
    const [, inside = ''] = new RegExp(`<select id="f-${select}"[^>]*>([^]*?)</select>`).exec(text) ?? []
    return [...inside.matchAll(/<option(?: value="[^"]*")?(?: selected| disabled)?>([^<]*)/g)].map(
      ([, each = '']) => each,
    )
  }

  it('a filter offers a part of them, finds the others by their names, and takes the only one that it finds', async () => {
    const whole = options((await owner.open('/people')).text, 'group_id')
    expect(whole).to.have.length(102)
    expect(whole.at(-1)).to.equal('and 50 more')
    const narrowed = await owner.open('/people?find.group_id=group+14')
    expect(options(narrowed.text, 'group_id')).to.have.length(11)
    expect(narrowed.text).not.to.include('class="token"')
    const only = await owner.open('/people?find.group_id=group+140')
    expect(only.text).to.include('group: Group 140').and.include(`group_id=${groupId}`)
  })

  it('a form finds what it chooses by a part of the name, and keeps what is filled in', async () => {
    const { text } = await owner.open('/policies/new')
    expect(options(text, 'group_id')).to.have.length(101)
    const found = await owner.send('/policies/new', {
      description: 'Typed before',
      'find.group_id': 'Group 140',
      find: 'group_id',
    })
    expect(options(found.text, 'group_id')).to.deep.equal(['Group 140'])
    expect(found.text).to.include('value="Typed before"')
    expect(found.text).not.to.include('Not saved').and.not.include('aria-invalid')
    const chosen = await owner.send('/policies/new', { group_id: groupId })
    expect(options(chosen.text, 'group_id').slice(0, 2)).to.deep.equal(['choose a group', 'Group 140'])
    expect(chosen.text).to.include(`<option value="${groupId}" selected>`)
  })

  it('members of a group are found and ticked search by search, and saved at once', async () => {
    const path = `/groups/${groupId}/members`
    await portal.api('PUT', `/groups/${groupId}/memberships`, { actor_ids: [idOf('Person 001')] })
    const ticked = (text: string): string[] =>
      [...text.matchAll(/<input type="checkbox" name="actor_ids" value="[^"]*" checked[^>]*> ([^<]*)/g)].map(
        ([, name = '']) => name,
      )
    const kept = (text: string) => ({
      actor_ids: [...text.matchAll(/name="actor_ids" value="([^"]*)" checked/g)].map(([, id = '']) => id),
      shown: [...text.matchAll(/name="shown" value="([^"]*)"/g)].map(([, id = '']) => id),
      searched: hidden(text, 'searched'),
    })
    const first = await owner.open(path)
    expect(ticked(first.text)).to.deep.equal(['Person 001'])
    expect(first.text.match(/type="checkbox"/g)).to.have.length(1)
    const search = async (before: string, text: string, add: string[]) => {
      const { actor_ids, ...others } = kept(before)
      return owner.send(path, {
        ...others,
        actor_ids: [...actor_ids, ...add],
        'find.actor_ids': text,
        find: 'actor_ids',
      })
    }
    const second = await search(first.text, 'person 14', [])
    expect(second.text.match(/type="checkbox"/g)).to.have.length(10)
    const third = await search(second.text, 'person 00', [idOf('Person 141')])
    expect(ticked(third.text)).to.deep.equal(['Person 141', 'Person 001'])
    const { actor_ids, ...others } = kept(third.text)
    const saved = await owner.send(path, {
      ...others,
      actor_ids: actor_ids.filter((id) => id !== idOf('Person 001')),
      'find.actor_ids': 'person 00',
      save: '1',
    })
    expect(saved.status, saved.text.slice(0, 400)).to.equal(303)
    const { body } = await portal.api('GET', `/actors?group_id=${groupId}`)
    expect(body.data.map(({ name }: { name: string }) => name)).to.deep.equal(['Person 141'])
  })

  it('the page of a large group shows the first members, and leads to the list of all', async () => {
    await portal.api('PUT', `/groups/${groupId}/memberships`, { actor_ids: [...people.values()] })
    const { text } = await owner.open(`/groups/${groupId}`)
    expect(text).to.include('the first 50 of 150').and.include(`/people?group_id=${groupId}`)
  })
})
