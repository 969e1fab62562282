import { expect } from 'chai'
import { describe, it } from 'mocha'
import { CandidateGathering, type GatheringOutput } from '../../../core/ice/candidate-gathering.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { instant } from '../../../core/runtime/time.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

describe('the gathering of candidates', () => {
  it('H7 STUN servers are asked at once when a default route comes after the address, without which no request left', () => {
    const gathering = new CandidateGathering({ random: new SeededRandom('gathering') })
    const now = instant(1_000)
    const outputs = (): GatheringOutput['type'][] => {
      const found: GatheringOutput['type'][] = []
      for (let output = gathering.poll(); output !== undefined; output = gathering.poll()) found.push(output.type)
      return found
    }
    const addresses = ['192.0.2.7']
    gathering.handle({ type: 'socketsOpened', ports: { ipv4: 40_000 } }, now)
    gathering.handle({ type: 'stunServersChanged', servers: [endpoint('203.0.113.10', 3478)] }, now)
    gathering.handle({ type: 'addressesChanged', addresses, uplinks: [] }, now)
    outputs()
    gathering.handle({ type: 'addressesChanged', addresses, uplinks: addresses }, now)
    expect(outputs()).to.have.members(['sendDatagram', 'networkChanged'])
    gathering.handle({ type: 'addressesChanged', addresses, uplinks: addresses }, now)
    expect(outputs()).to.deep.equal([])
  })
})
