import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { MINUTE, SECOND, unixTime } from '../../../../core/runtime/time.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { condition } from '../../../kit/extensions.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

/** A condition that holds for five minutes from each time that it is asked. */
const fiveMinutes = condition({
  evaluate: ({ at }) => ({ holds: true, reason: 'for a while', until: unixTime(at + 5 * MINUTE) }),
})

describe('an authorization', () => {
  let bench: PortalBench
  let company: Company
  let gateway: BenchPeer
  let client: BenchPeer

  beforeEach(() => {
    const selectors = { random: new RandomSelector({ random: new SeededRandom(3) }) }
    bench = new PortalBench({ conditions: { 'five-minutes': fiveMinutes }, selectors })
    company = new Company(bench)
    gateway = company.gatewayJoins()
    client = company.clientJoins()
    for (const peer of [gateway, client]) peer.heard()
  })

  const ask = () => client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
  const acknowledge = (): void => {
    for (const { event, payload } of gateway.heard())
      if (event === 'create_authorization') gateway.say('authorization_created', { ref: payload.ref })
  }
  const recorded = () => {
    const [authorizationId = ''] = bench.authorizations.keys()
    return { type: 'authorizationRecorded' as const, authorizationId }
  }

  it('is told to its client when it is committed, and not before; candidates of the gateway follow it', () => {
    bench.isRecording = false
    ask()
    acknowledge()
    gateway.say('broadcast_ice_candidates', { client_ids: [company.client.id], candidates: ['candidate'] })
    expect(client.events()).to.deep.equal([])
    ask()
    expect(client.events(), 'a repeated request waits as well').to.deep.equal([])
    bench.dispatch(recorded())
    expect(client.events()).to.deep.equal(['authorization_created', 'ice_candidates'])
    expect(bench.decisions.map(({ verdict }) => verdict)).to.deep.equal(['granted'])
    bench.dispatch(recorded())
    expect(client.events()).to.deep.equal([])
  })

  it('P6 is withdrawn and never told to its client if access is taken away while it is being written down', () => {
    bench.isRecording = false
    ask()
    acknowledge()
    const late = recorded()
    bench.remove(['policies', company.policy])
    expect(gateway.events()).to.deep.equal(['reject_access'])
    bench.dispatch(late)
    expect(client.events()).to.deep.equal(['authorization_creation_failed', 'resource_deleted'])
    expect(bench.machine.counts()).to.include({ grants: 0, requests: 0 })
  })

  it('is withdrawn if it could not be written down, and another gateway is asked', () => {
    company.gatewayJoins(1)
    bench.isRecording = false
    ask()
    acknowledge()
    const { authorizationId } = recorded()
    bench.dispatch({ type: 'authorizationNotRecorded', authorizationId })
    expect(client.events()).to.deep.equal([])
    expect(bench.machine.counts()).to.include({ requests: 1, grants: 1 })
  })

  it('that stands is the answer to each further request, without another row, also where its end moves with the clock', () => {
    bench.patch('policies', company.policy, { conditions: [{ condition: 'five-minutes', settings: {} }] })
    const rows = new Set<string>()
    for (let at = 0; at < 100; at++) {
      ask()
      acknowledge()
      expect(client.events().filter((event) => event === 'authorization_created')).to.have.lengthOf(1)
      for (const id of bench.authorizations.keys()) rows.add(id)
      bench.clock.advance(SECOND)
    }
    expect(rows.size).to.equal(1)
    expect(bench.decisions).to.have.lengthOf(1)
  })
})
