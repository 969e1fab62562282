import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { SECOND } from '../../../../core/runtime/time.ts'
import { Company, PortalBench } from '../../../kit/portal-bench.ts'

describe('connections that have not joined', () => {
  let bench: PortalBench
  let company: Company

  beforeEach(() => {
    bench = new PortalBench()
    company = new Company(bench)
  })

  const connect = () => bench.connect('client', { peerId: company.client.id, tokenId: company.clientToken.id })

  it('connections that do not join are closed after 10 s, though they send heartbeats', () => {
    const [idle, joined] = [connect(), company.gatewayJoins()]
    bench.clock.advance(9 * SECOND)
    for (const peer of [idle, joined]) peer.say('heartbeat', {}, 'phoenix')
    expect(bench.closed.size).to.equal(0)
    bench.clock.advance(SECOND)
    expect([...bench.closed]).to.deep.equal([[idle.connection, 'nobody joined']])
  })

  it('connections that have not joined are few for one peer, the newest, and as many for another one', () => {
    const [first, second, ...others] = Array.from({ length: 6 }, connect)
    expect([...bench.closed.keys()]).to.deep.equal([first?.connection, second?.connection])
    const other = company.device('phone', company.actor.id)
    bench.connect('client', { peerId: other.id, tokenId: company.clientToken.id })
    expect(bench.closed.size).to.equal(2)
    others[0]?.say('phx_join', null)
    expect(others[0]?.events()).to.include('init')
    connect()
    expect(bench.closed.size, 'one that has joined does not count').to.equal(2)
  })

  it('connections are closed where the row is gone when they join', () => {
    const client = connect()
    bench.remove(['clients', company.client])
    client.say('phx_join', null)
    expect(bench.closed.has(client.connection)).to.equal(true)
  })
})
