import { expect } from 'chai'
import { describe, it } from 'mocha'
import { z } from 'zod'
import type { GatewayCandidate } from '../../core/contract/gateway-selector.ts'
import { RandomSelector } from '../../plugins/selector-random/random-selector.ts'
import { gatewaySelectorSuite } from '../conformance/gateway-selector.ts'
import { SeededRandom } from '../kit/seeded-random.ts'

gatewaySelectorSuite('random', {
  create: () => new RandomSelector({ random: new SeededRandom(7) }),
  // A host takes this schema where a plugin provides none.
  schema: z.strictObject({}),
  settings: [{}],
  refused: [{ slack: 1 }],
})

describe('random', () => {
  it('H1 selector-random chooses each healthy gateway as often as any other', () => {
    const candidates = Array.from({ length: 7 }, (_, index) => ({
      id: `gateway-${index}`,
      name: '',
      facts: {},
    })) as unknown[] as [GatewayCandidate, ...GatewayCandidate[]]
    const selector = new RandomSelector({ random: new SeededRandom('H1') })
    const draws = 14_000
    const counts = new Map(candidates.map(({ id }) => [id, 0]))
    for (let draw = 0; draw < draws; draw++) {
      const { gatewayId } = selector.select({ settings: {}, facts: {}, candidates, clientId: 'c', resourceId: 'r' })
      counts.set(gatewayId, (counts.get(gatewayId) ?? 0) + 1)
    }
    const expected = draws / candidates.length
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    // Six degrees of freedom: a uniform choice exceeds 22.46 once in a thousand seeds.
    expect(chiSquare).to.be.lessThan(22.46)
  })
})
