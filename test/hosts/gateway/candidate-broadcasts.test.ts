import { expect } from 'chai'
import { describe, it } from 'mocha'
import { encodeFrame, MAX_FRAME_TO_PORTAL_CHARACTERS } from '../../../core/control/frame.ts'
import { gatewayToPortal } from '../../../core/control/messages.ts'
import { uuid } from '../../../core/runtime/random.ts'
import { candidateBroadcasts } from '../../../hosts/gateway/candidate-broadcasts.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

const LINES = Array.from({ length: 24 }, (_, index) => `candidate:0000000a 1 udp 1 192.0.2.${index} 52625 typ host`)

describe('a gateway’s candidates, as its clients are told of them', () => {
  it('H7 however many clients a gateway has, each is told once of each change, in messages that the portal takes', () => {
    const random = new SeededRandom('broadcast')
    const ids = Array.from({ length: 3_000 }, () => uuid(random))
    const messages = candidateBroadcasts(ids, { added: LINES, removed: LINES })
    for (const event of ['broadcastInvalidatedIceCandidates', 'broadcastIceCandidates'] as const) {
      const payloads = messages.flatMap((one) =>
        one.event === event ? [gatewayToPortal[event].parse(one.payload)] : [],
      )
      expect(payloads.flatMap(({ client_ids }) => client_ids)).to.deep.equal(ids)
    }
    for (const { event, payload } of messages) {
      const text = encodeFrame({ topic: 'gateway', event, payload, ref: null })
      expect(text.length).to.be.lessThan(MAX_FRAME_TO_PORTAL_CHARACTERS)
    }
  })

  it('nothing is said without clients, or without a change', () => {
    expect(candidateBroadcasts([], { added: LINES, removed: LINES })).to.deep.equal([])
    expect(candidateBroadcasts(['a'], { added: [], removed: [] })).to.deep.equal([])
  })
})
