import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { GatheringStatus } from '../../../core/ice/candidate-gathering.ts'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import { INDIRECT_REASONS } from '../../../core/ice/path-kind.ts'
import { indirectText, whyNotDirect } from '../../../hosts/peer/why-not-direct.ts'

const PRIVATE = endpoint('10.0.0.5', 52_625)
const PUBLIC = endpoint('203.0.113.7', 52_625)

/** Makes this end's candidates, as seen by a STUN server or not. */
const own = (where: Endpoint, isAnswering?: boolean): GatheringStatus => ({
  offers: [{ endpoint: where, source: 'interface' }],
  stun: isAnswering === undefined ? [] : [{ server: endpoint('203.0.113.1', 3_478), mapped: undefined, isAnswering }],
})

describe('why a path is not direct', () => {
  it('a path that no relay carries needs no reason', () => {
    for (const kind of ['direct', 'nat'] as const) {
      expect(whyNotDirect(kind, { offered: [PRIVATE], own: own(PRIVATE, false) })).to.equal(undefined)
    }
  })

  for (const kind of ['relayed', 'websocket'] as const) {
    for (const [reason, offered, mine] of [
      ['no_addresses', [], own(PUBLIC, true)],
      ['private_addresses', [PRIVATE], own(PUBLIC, true)],
      ['own_unknown', [PRIVATE, PUBLIC], own(PRIVATE, true)],
      ['not_let_in', [PRIVATE, PUBLIC], own(PUBLIC, true)],
    ] as const) {
      it(`a path of the kind ${kind} is not direct because of ${reason}`, () => {
        expect(whyNotDirect(kind, { offered, own: mine })).to.equal(reason)
      })
    }
  }

  it('UDP is blocked where a WebSocket carries packets and no STUN server answers; a relay reached by UDP shows that it is not', () => {
    const known = { offered: [PUBLIC], own: own(PUBLIC, false) }
    expect(whyNotDirect('websocket', known)).to.equal('udp_blocked')
    expect(whyNotDirect('relayed', known)).to.equal('not_let_in')
  })

  it('an address that a relay lends is none of this end’s own', () => {
    const relayed: GatheringStatus = { offers: [{ endpoint: PUBLIC, source: 'relay' }], stun: [] }
    expect(whyNotDirect('relayed', { offered: [PUBLIC], own: relayed })).to.equal('own_unknown')
  })

  it('each reason is said in sentences that name what was offered, to clients and to gateways', () => {
    for (const reason of INDIRECT_REASONS) {
      for (const other of ['gateway', 'client'] as const) {
        expect(indirectText(reason, other, [PRIVATE])).to.match(/^[A-Z].*\.$/)
      }
    }
    expect(indirectText('private_addresses', 'gateway', [PRIVATE])).to.match(
      /only 10\.0\.0\.5:52625.*advertised_addresses/,
    )
  })
})
