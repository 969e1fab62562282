import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { Facts, type Fact } from '../../../../core/contract/facts.ts'
import { HOUR, SECOND, unixTime } from '../../../../core/runtime/time.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { condition } from '../../../kit/extensions.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

/** A condition that holds at one address. */
const atAddress = condition<{ ip: string }, { address: Fact<string> }>(
  { evaluate: ({ settings: { ip }, facts }) => ({ holds: facts.address.value === ip, reason: 'where it is' }) },
  { address: Facts.client.address },
)

describe('authorizations at gateways that another portal process has', () => {
  let bench: PortalBench
  let company: Company
  let gateway: BenchPeer
  let client: BenchPeer

  beforeEach(() => {
    bench = new PortalBench({
      conditions: { at: atAddress },
      selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) },
    })
    company = new Company(bench)
    gateway = company.gatewayJoins()
    client = company.clientJoins()
    ask()
    expect(bench.authorizations.size).to.equal(1)
  })

  const ask = () => {
    client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
    const create = gateway.heard().find(({ event }) => event === 'create_authorization')
    if (create !== undefined) gateway.say('authorization_created', { ref: create.payload.ref })
  }
  /** The gateway connects to another process, which this one hears of without knowing earlier connections. */
  const connectsElsewhere = () => {
    const [row] = company.gateways
    const after = { ...row, lastSeenAt: unixTime(bench.unix()) }
    bench.dispatch({ type: 'changed', changes: [{ entity: 'gateways', accountId: row.accountId, id: row.id, after }] })
  }
  const anotherProcess = (): PortalBench => {
    const other = new PortalBench({ conditions: { at: atAddress }, clock: bench.clock, seed: 2 })
    other.load(bench.rows())
    return other
  }

  it('authorizations are not touched by a process that the gateway never came to, whatever changes', () => {
    const other = anotherProcess()
    other.patch('policies', company.policy, { conditions: [{ condition: 'at', settings: { ip: '192.0.2.1' } }] })
    other.remove(['policies', company.policy])
    other.clock.advance(HOUR)
    expect(other.authorizations.size).to.equal(1)
    expect(other.decisions).to.deep.equal([])
  })

  it('authorizations are let go when the gateway connects to another process, and its connection here ends', () => {
    gateway.leave()
    connectsElsewhere()
    expect(bench.machine.counts().grants).to.equal(0)
    bench.decisions.length = 0
    bench.remove(['policies', company.policy])
    expect(bench.authorizations.size).to.equal(1)
    expect(bench.decisions).to.deep.equal([])
    gateway = company.gatewayJoins(1)
    bench.dispatch({
      type: 'changed',
      changes: [
        {
          entity: 'gateways',
          accountId: company.account.id,
          id: company.gateways[1].id,
          after: { ...company.gateways[1], lastSeenAt: unixTime(bench.unix()) },
        },
      ],
    })
    expect(bench.closed.has(gateway.connection)).to.equal(true)
  })

  it('authorizations are judged when the gateway comes here again, before it is told what it may keep', () => {
    gateway.leave()
    connectsElsewhere()
    bench.clock.advance(SECOND)
    bench.patch('policies', company.policy, { isDisabled: true })
    expect(bench.authorizations.size).to.equal(1)
    const [init, reject] = company.gatewayJoins().heard()
    expect(init?.payload.authorizations).to.deep.equal([])
    expect(reject?.event).to.equal('reject_access')
    expect(bench.authorizations.size).to.equal(0)
  })

  it('authorizations that another process made or ended meanwhile are there, or not, when the gateway comes', () => {
    gateway.leave()
    connectsElsewhere()
    const [row] = [...bench.authorizations.values()]
    if (row === undefined) throw new Error('there is one')
    const news = (id: string, after?: typeof row) =>
      bench.dispatch({
        type: 'changed',
        changes: [{ entity: 'authorizations', accountId: row.accountId, id, ...(after && { after }) }],
      })
    news(row.id)
    news('another', { ...row, id: 'another' })
    company.gatewayJoins()
    expect(bench.machine.counts().grants).to.equal(1)
    bench.remove(['policies', company.policy])
    expect(bench.decisions.at(-1)?.details).to.include({ authorizationId: 'another' })
  })

  it('authorizations that expired long ago are removed, whichever process made them', () => {
    const [row] = [...bench.authorizations.values()]
    if (row === undefined) throw new Error('there is one')
    const expired = { ...row, expiresAt: unixTime(bench.unix() - HOUR) }
    const other = new PortalBench({ clock: bench.clock, seed: 2 })
    other.load({ ...bench.rows(), authorizations: [expired] })
    expect(other.authorizations.size).to.equal(0)
  })
})
