import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { MINUTE } from '../../../../../core/runtime/time.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'
import { VirtualClock } from '../../../../kit/virtual-clock.ts'

interface Shown {
  id: string
  kind: string
  action: string
  entity_id: string
  created_at: string
}

describe('the audit trail, searched', () => {
  let portal: PortalFixture
  let clock: VirtualClock
  let site: { id: string }
  let other: { id: string }

  before(async () => {
    clock = new VirtualClock()
    portal = await PortalFixture.start({ clock })
    other = await portal.create('/actors', { name: 'Grace', type: 'admin' })
    const { token } = await portal.create(`/actors/${other.id}/api_tokens`)
    site = await portal.create('/sites', { name: 'Main' })
    for (const name of ['One', 'Two', 'Three']) {
      clock.advance(MINUTE)
      await portal.api('PATCH', `/sites/${site.id}`, { name }, name === 'Two' ? token : portal.token)
    }
    await portal.makeEmergencyCode({ adminEmail: portal.admin.email })
  })
  after(async () => portal.stop())

  const search = async (query: Record<string, string>): Promise<Shown[]> => {
    const { status, body } = await portal.api('GET', `/audit_log?${new URLSearchParams(query).toString()}`)
    expect(status, JSON.stringify(body)).to.equal(200)
    return body.data as Shown[]
  }
  const actions = async (query: Record<string, string>) => (await search(query)).map(({ action }) => action)

  it('a search of the audit trail shows what is about one row, newest first', async () => {
    expect(await actions({ entity_id: site.id })).to.deep.equal(['updated', 'updated', 'updated', 'created'])
    expect(await actions({ entity_id: site.id.toUpperCase(), limit: '1' })).to.deep.equal(['updated'])
  })

  it('a search of the audit trail shows what one actor did, and her refused sign-ins', async () => {
    expect(await actions({ actor_id: other.id })).to.deep.equal(['updated'])
    expect(await actions({ actor_id: portal.admin.id, kind: 'sign_in' })).to.deep.equal(['emergency_code_made'])
    expect(await actions({ actor_id: portal.admin.id, entity_id: site.id })).to.deep.equal([
      'updated',
      'updated',
      'created',
    ])
  })

  it('a search of the audit trail shows a span of time, its beginning in it and its end not', async () => {
    const all = await search({ entity_id: site.id })
    const [since = '', until = ''] = [all[2]?.created_at, all[0]?.created_at]
    const found = await search({ entity_id: site.id, since, until })
    expect(found).to.deep.equal(all.slice(1, 3))
    expect(await search({ since: '2999-01-01T00:00:00Z' })).to.deep.equal([])
  })

  it('a search of the audit trail goes on where a page ended, by the same question', async () => {
    const first = await portal.api('GET', `/audit_log?entity_id=${site.id}&limit=3`)
    const next = await portal.api('GET', `/audit_log?entity_id=${site.id}&limit=3&cursor=${first.body.next_cursor}`)
    expect([...first.body.data, ...next.body.data]).to.deep.equal(await search({ entity_id: site.id }))
    expect(next.body.next_cursor).to.equal(null)
  })

  it('a search of the audit trail with an unknown parameter is refused', async () => {
    for (const query of [
      'kind=nothing',
      'actor_id=ada',
      'since=yesterday',
      'colour=red',
      'kind=change&kind=decision',
    ]) {
      expect(await portal.api('GET', `/audit_log?${query}`), query).to.have.nested.property(
        'body.code',
        'invalid_query',
      )
    }
  })
})
