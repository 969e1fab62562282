import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { Facts } from '../../../../core/contract/facts.ts'
import type { GatewaySelector } from '../../../../core/contract/gateway-selector.ts'
import { FEATURES } from '../../../../core/control/messages.ts'
import { SECOND } from '../../../../core/runtime/time.ts'
import { decisionsOf } from '../../../../hosts/portal/explain/decisions.ts'
import { extension } from '../../../kit/extensions.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'

/** Chooses the gateway to which the round trip is shortest, and says what it knows. */
const nearest: GatewaySelector<unknown, object, { roundTrip: { value: number }; load: { value: number } }> = {
  select: ({ candidates }) => {
    const known = candidates.map(({ id, name, facts: { roundTrip, load } }) => ({
      id,
      text: `${name}: ${roundTrip?.value ?? '?'} ms, ${load?.value ?? '?'}`,
      far: roundTrip?.value ?? Infinity,
    }))
    const [best = { id: '' }] = known.toSorted((a, b) => a.far - b.far)
    return {
      gatewayId: best.id,
      reason: known
        .map(({ text }) => text)
        .toSorted()
        .join('; '),
    }
  },
}

describe('what gateways and clients report of themselves, for the choice of a gateway', () => {
  let bench: PortalBench
  let company: Company
  let gateways: BenchPeer[]
  let client: BenchPeer

  beforeEach(() => {
    const selector = extension('random', nearest as GatewaySelector, {
      candidateFacts: { roundTrip: Facts.path.roundTripMs, load: Facts.gateway.processorShare },
    })
    bench = new PortalBench({ selectorExtensions: new Map([['random', selector]]) })
    company = new Company(bench)
    gateways = [company.gatewayJoins(0, {}, [FEATURES.loadReports]), company.gatewayJoins(1)]
    client = company.clientJoins({}, [FEATURES.roundTrips])
  })

  const [first, second] = [() => company.gateways[0].id, () => company.gateways[1].id]
  /** Asks for the resource, or for another one that does not exist: its gateway is not chosen, what is measured is known. */
  const ask = (round_trips: unknown, resource_id = bench.id()) =>
    client.say('request_authorization', {
      resource_id,
      connected_gateway_ids: [],
      round_trips,
    })
  const chosen = () => gateways.map((gateway) => gateway.events().includes('create_authorization'))
  const why = () => {
    const { account, actor, resource } = company
    const question = { accountId: account.id, actor: actor.id, resource: resource.id, clientId: company.client.id }
    const verdict = decisionsOf(bench.machine.knowledge, () => bench.clock.now()).explain(question)
    return verdict.ok ? verdict.explanation.gateway.choice?.reason : undefined
  }

  it('X4 only a gateway that says that it can is asked for its load, and a selector reads what it reports for 30 s', () => {
    expect(
      gateways.map((gateway) => gateway.heard().find(({ event }) => event === 'report_load')?.payload),
    ).to.deep.equal([{ interval_ms: 10 * SECOND }, undefined])
    gateways[0]?.say('gateway_load', { processor_share: 0.75, bytes_per_second: 1_000 })
    expect(why()).to.equal('gw-1: ? ms, 0.75; gw-2: ? ms, ?')
    for (const load of [{ processor_share: 2 }, { processor_share: 'much' }, { bytes_per_second: -1 }, null]) {
      gateways[0]?.say('gateway_load', load)
    }
    expect(why()).to.equal('gw-1: ? ms, 0.75; gw-2: ? ms, ?')
    bench.clock.advance(30 * SECOND)
    expect(why()).to.equal('gw-1: ? ms, ?; gw-2: ? ms, ?')
  })

  it('X4 a selector reads the round trips that the client measured, and so does the explanation', () => {
    const measured = [
      { gateway_id: first(), ms: 80, age_ms: 0 },
      { gateway_id: second().toUpperCase(), ms: 20, age_ms: 60 * SECOND },
    ]
    ask(measured)
    expect(why()).to.include('gw-1: 80 ms').and.include('gw-2: 20 ms')
    ask(measured, company.resource.id)
    expect(chosen()).to.deep.equal([false, true])
  })

  it('malformed round trips are left out, and those of a client without the feature', () => {
    ask([{ gateway_id: first(), ms: -1, age_ms: 0 }, { gateway_id: second(), ms: 20, age_ms: 0 }, 'near', null])
    expect(why()).to.include('gw-1: ? ms').and.include('gw-2: 20 ms')
    client = company.clientJoins({ replaces: client })
    ask([{ gateway_id: second(), ms: 1, age_ms: 0 }])
    expect(why()).to.include('gw-2: ? ms')
  })
})
