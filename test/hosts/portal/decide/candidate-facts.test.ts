import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Facts } from '../../../../core/contract/facts.ts'
import type { GatewaySelector } from '../../../../core/contract/gateway-selector.ts'
import { HOUR, SECOND, unixTime } from '../../../../core/runtime/time.ts'
import { candidateFacts } from '../../../../hosts/portal/decide/candidate-facts.ts'
import { chooseGateway } from '../../../../hosts/portal/decide/selection.ts'
import { extension } from '../../../kit/extensions.ts'
import { fact, knownFacts } from '../../../kit/facts.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

const [JOINED, NOW] = [unixTime(1_000), unixTime(5_000)]
const GATEWAY = {
  id: 'g1',
  siteId: 's',
  name: 'gw-1',
  version: '0.1.0',
  product: 'portreeve' as const,
  transport: 'wireguard',
  remoteIp: '192.0.2.7',
  since: JOINED,
}

describe('the facts of a gateway that may serve', () => {
  it('X4 reach a selector as it declares them, with source and age; the round trip is unknown until it is measured', () => {
    let seen: unknown
    const value: GatewaySelector = {
      select: ({ candidates, facts }) => {
        seen = { of: candidates[0].facts, request: facts }
        return { gatewayId: 'g1', reason: 'the only one' }
      },
    }
    const { name, address, clients, version, processorShare, bytesPerSecond } = Facts.gateway
    const selector = extension('sees', value, {
      facts: { email: Facts.actor.email, site: Facts.site.name },
      candidateFacts: {
        name,
        address,
        clients,
        version,
        processorShare,
        bytesPerSecond,
        roundTrip: Facts.path.roundTripMs,
      },
    })
    const site = {
      id: 's',
      accountId: 'a',
      name: 'Main',
      createdAt: JOINED,
      updatedAt: JOINED,
      selector: 'sees',
      selectorSettings: {},
    }
    const facts = candidateFacts(GATEWAY, { clients: 3, at: NOW })
    const candidates = [{ id: 'g1', name: 'gw-1', facts }] as const
    const about = {
      clientId: 'c',
      resourceId: 'r',
      at: unixTime(0),
      connectedIds: [],
      facts: knownFacts({ 'site.name': 'Main' }),
    }
    chooseGateway(
      { site, candidates, ...about },
      { selectors: new Map([['sees', selector]]), random: new SeededRandom(1) },
    )
    expect(seen).to.deep.equal({
      of: {
        name: fact('gw-1', { since: JOINED }),
        address: fact('192.0.2.7', { since: JOINED }),
        clients: fact(3, { since: NOW }),
        version: fact('0.1.0', { source: 'gateway', since: JOINED }),
      },
      request: { site: fact('Main') },
    })
  })

  it('X4 tell the load that a gateway reports for 30 s, and the round trip that a client measured for an hour', () => {
    const load = { processorShare: 0.5, bytesPerSecond: undefined, at: NOW }
    const roundTrip = { milliseconds: 12, at: NOW }
    const factsAt = (later: number) =>
      candidateFacts({ ...GATEWAY, load }, { clients: 0, roundTrip, at: unixTime(NOW + later) })
    const { processorShare, bytesPerSecond } = Facts.gateway
    const { roundTripMs } = Facts.path
    expect(factsAt(0).get(processorShare.name)).to.deep.equal(
      fact(0.5, { source: 'gateway', since: NOW, validUntil: unixTime(NOW + 30 * SECOND) }),
    )
    expect(factsAt(0).get(bytesPerSecond.name)).to.equal(undefined)
    expect(factsAt(30 * SECOND).get(processorShare.name)).to.equal(undefined)
    expect(factsAt(HOUR - 1).get(roundTripMs.name)).to.deep.equal(
      fact(12, { source: 'client', since: NOW, validUntil: unixTime(NOW + HOUR) }),
    )
    expect(factsAt(HOUR).get(roundTripMs.name)).to.equal(undefined)
  })
})
