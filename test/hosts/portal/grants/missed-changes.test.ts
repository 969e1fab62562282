import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { SECOND } from '../../../../core/runtime/time.ts'
import type { Rows } from '../../../../hosts/portal/store/entities.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

describe('rows that are read anew because changes were missed', () => {
  let bench: PortalBench
  let company: Company
  let client: BenchPeer
  let gateway: BenchPeer

  beforeEach(() => {
    bench = new PortalBench({ selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) } })
    company = new Company(bench)
    gateway = company.gatewayJoins()
    client = company.clientJoins()
    client.heard()
    client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
    const create = gateway.heard().find(({ event }) => event === 'create_authorization')
    gateway.say('authorization_created', { ref: create?.payload.ref })
    expect(client.events()).to.deep.equal(['authorization_created'])
    bench.clock.advance(30 * SECOND)
  })

  const reload = (change: (rows: Rows) => Partial<Rows>): void => {
    const rows = bench.rows()
    bench.dispatch({ type: 'viewReloaded', rows: { ...rows, ...change(rows) } })
  }

  it('rows that are read anew after missed changes change nothing where they are as they were', () => {
    reload(() => ({}))
    expect([gateway.events(), client.events()]).to.deep.equal([[], []])
    expect(bench.machine.counts().grants).to.equal(1)
  })

  it('P6 rows that are read anew withdraw what a missed removal takes away', () => {
    reload(() => ({ memberships: [] }))
    expect(gateway.heard().map(({ event, payload }) => [event, payload])).to.deep.equal([
      ['reject_access', { client_id: company.client.id, resource_id: company.resource.id }],
    ])
    expect(client.events()).to.deep.equal(['resource_deleted'])
  })

  it('rows that are read anew tell what was added and what was changed', () => {
    const other = { ...company.resource, id: bench.id(), name: 'Other', address: '198.51.101.0/24' }
    const policy = { ...company.policy, id: bench.id(), resourceId: other.id }
    reload(({ resources, policies, resources: [first] }) => ({
      resources: [...resources.map((row) => (row === first ? { ...row, name: 'Renamed' } : row)), other],
      policies: [...policies, policy],
    }))
    expect(client.events()).to.deep.equal(['resource_created_or_updated', 'resource_created_or_updated'])
  })

  it('rows that are read anew end a grant whose row is gone, unless it is so young that it may not be written down yet', () => {
    reload(() => ({ authorizations: [] }))
    expect(bench.machine.counts().grants).to.equal(1)
    gateway.say('heartbeat', {}, 'phoenix')
    client.say('heartbeat', {}, 'phoenix')
    bench.clock.advance(31 * SECOND)
    reload(() => ({ authorizations: [] }))
    expect(bench.machine.counts().grants).to.equal(0)
    expect(gateway.events()).to.deep.equal(['reject_access'])
  })
})
