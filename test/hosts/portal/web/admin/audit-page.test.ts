import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { fieldChanges } from '../../../../../hosts/portal/web/admin/record/field-changes.ts'
import { AdminVisitor } from '../../../../kit/admin-visitor.ts'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

describe('the audit trail on a page', () => {
  let portal: PortalFixture
  let owner: AdminVisitor

  before(async () => {
    portal = await PortalFixture.start()
    const group = await portal.create('/groups', { name: 'Finance' })
    const ada = await portal.create('/actors', { name: 'Ada' })
    await portal.create('/actors', { name: 'Ben' })
    await portal.api('PUT', `/groups/${group.id}/memberships`, { actor_ids: [ada.id] })
    owner = await AdminVisitor.signIn(portal)
  })
  after(async () => portal.stop())

  const lines = async (query: string): Promise<{ entity: string }[]> =>
    (await owner.open(`/audit.ndjson${query}`)).text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { entity: string })

  it('says who did what from where, in words', async () => {
    const { text } = await owner.open('/audit?entity=memberships')
    expect(text).to.include('added Ada to the group').and.include('<strong>Finance</strong>').and.include('by the API')
    expect(text).not.to.include('that is gone')
  })

  it('is searched by names, also of rows that an entry only mentions, and filtered', async () => {
    const found = await owner.open('/audit?q=ADA&kind=change')
    expect(found.text)
      .to.include('<strong>2 entries</strong> match')
      .and.include('text: ADA')
      .and.include('kind: Changes')
    expect((await owner.open('/audit?q=ada&entity=actors')).text).to.include('<strong>1 entry</strong> match')
    expect((await owner.open('/audit?q=nobody%25')).text).to.include('Nothing matches.')
    expect((await owner.open('/audit')).text).to.include('since: 7 days')
  })

  it('is had as CSV and as JSON lines of exactly what matches', async () => {
    const { total } = (await portal.api('GET', '/audit_log?kind=change')).body
    expect(await lines('?kind=change&days=all')).to.have.length(total)
    expect((await lines('?entity=memberships')).map(({ entity }) => entity)).to.deep.equal(['memberships'])
    const csv = await owner.open('/audit.csv?q=ada&kind=change')
    expect(csv.headers.get('content-type')).to.include('text/csv')
    expect(csv.text.trim().split('\r\n')).to.have.length(3)
  })
})

describe('changes of fields in words', () => {
  const names = new Map([['00000000-0000-4000-8000-000000000001', 'Finance']])
  const changes = (before: object | undefined, after: object | undefined) =>
    fieldChanges(before as Record<string, unknown>, after as Record<string, unknown>, names).map(
      ({ field, before: old = '-', after: young = '-' }) => `${field}: ${old} → ${young}`,
    )

  it('settings of a condition are told one by one, and those that stay are left out', () => {
    const condition = (ranges: string[]) => ({ condition: 'remote-ip', settings: { ranges, is_strict: true } })
    expect(
      changes({ conditions: [condition(['192.0.2.0/24'])] }, { conditions: [condition(['192.0.2.0/24', '::1'])] }),
    ).to.deep.equal(['conditions, remote-ip, ranges: 192.0.2.0/24 → 192.0.2.0/24, ::1'])
    expect(changes({ conditions: [] }, { conditions: [{ condition: 'verified', settings: {} }] })).to.deep.equal([
      'conditions, verified: - → there',
    ])
  })

  it('ids are told by names, times and flags in words, and secrets not at all', () => {
    const row = {
      id: 'x',
      group_id: '00000000-0000-4000-8000-000000000001',
      actor_id: '00000000-0000-4000-8000-000000000002',
      is_disabled: false,
      expires_at: '2026-12-01T10:20:30.000Z',
      hash: '[secret]',
      email: null,
    }
    expect(changes(undefined, row)).to.deep.equal([
      'group: - → Finance',
      'actor: - → something that is gone',
      'disabled: - → no',
      'expires at: - → 2026-12-01 10:20 UTC',
      'hash: - → secret',
      'email: - → nothing',
    ])
  })
})
