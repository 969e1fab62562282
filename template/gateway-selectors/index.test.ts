import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { GatewaySelectors, unixTime } from 'portreeve'
import { checksOf, gatewaySelectorSuite, providedBy } from 'portreeve/testing'
import { plugin } from './index.ts'

const selector = providedBy(plugin, GatewaySelectors)

const checks = checksOf(() =>
  gatewaySelectorSuite('new-one', {
    ...selector,
    settings: [{}, { at_most_clients: 1 }],
    refused: [{ at_most_clients: 0 }, { at_most_clients: '5' }],
  }),
)
for (const { title, run } of checks) test(title, run)

test('chooses the nearest gateway that is not full', () => {
  const since = unixTime(0)
  const [first, ...others] = [
    { id: 'far', ms: 30, clients: 0 },
    { id: 'near', ms: 10, clients: 3 },
    { id: 'full', ms: 1, clients: 10 },
  ].map(({ id, ms, clients }) => ({
    id,
    name: id,
    facts: { roundTrip: { value: ms, source: 'client', since }, clients: { value: clients, source: 'portal', since } },
  }))
  const question = { settings: { at_most_clients: 10 }, facts: {}, clientId: 'c', resourceId: 'r' }
  equal(selector.create().select({ ...question, candidates: [first, ...others] }).gatewayId, 'near')
})
