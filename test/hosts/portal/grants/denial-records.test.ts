import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { MINUTE, SECOND } from '../../../../core/runtime/time.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'

describe('what is written down of denials', () => {
  let bench: PortalBench
  let company: Company
  let client: BenchPeer

  beforeEach(() => {
    bench = new PortalBench()
    company = new Company(bench)
    client = company.clientJoins()
  })

  const ask = (resource_id: string): void => {
    client.say('request_authorization', { resource_id, connected_gateway_ids: [] })
  }
  const repeatedIn = (index: number): unknown =>
    (bench.decisions[index]?.details as { repeated?: unknown } | undefined)?.repeated

  it('the first denial for an id that does not exist is written down, and how many more there were within a minute', () => {
    const ids = Array.from({ length: 100 }, () => bench.id())
    for (const id of ids) ask(id)
    expect(bench.decisions.map(({ reason, resourceId }) => [reason, resourceId])).to.deep.equal([['not_found', ids[0]]])
    bench.clock.advance(30 * SECOND)
    client.say('heartbeat', {}, 'phoenix')
    ask(company.client.id)
    const lastAt = bench.unix()
    bench.clock.advance(30 * SECOND)
    expect(bench.decisions).to.have.length(2)
    expect(bench.decisions[1]).to.include({ at: lastAt, reason: 'not_found', clientId: company.client.id })
    expect(repeatedIn(1)).to.deep.equal({ count: 100, resourceIds: ids.slice(1, 21) })
  })

  it('each denial is written down where the resource, the reason or the client is another', () => {
    const second = company.network('192.0.2.0/24')
    ask(second.id)
    ask(bench.id())
    bench.patch('policies', company.policy, { isDisabled: true })
    ask(company.resource.id)
    bench.patch('policies', company.policy, { isDisabled: false })
    ask(company.resource.id)
    const other = company.device('phone', company.actor.id)
    client = company.clientJoins({ peerId: other.id })
    ask(second.id)
    expect(bench.decisions.map(({ reason }) => reason)).to.deep.equal([
      'not_found',
      'not_found',
      'not_found',
      'offline',
      'not_found',
    ])
  })

  it('only the first denial is written down where nothing repeats it, and the next after a minute', () => {
    ask(bench.id())
    bench.clock.advance(MINUTE)
    expect(bench.decisions).to.have.length(1)
    client = company.clientJoins()
    ask(bench.id())
    expect(bench.decisions).to.have.length(2)
    expect(repeatedIn(1)).to.equal(undefined)
  })
})
