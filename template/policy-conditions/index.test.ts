import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { PolicyConditions, unixTime } from 'portreeve'
import { checksOf, policyConditionSuite, providedBy } from 'portreeve/testing'
import { plugin } from './index.ts'

const condition = providedBy(plugin, PolicyConditions)

const checks = checksOf(() =>
  policyConditionSuite('new-one', {
    ...condition,
    settings: [{ systems: ['Debian'] }, { systems: ['Windows', 'macOS'] }],
    refused: [{}, { systems: [] }, { systems: 'Debian' }],
    known: [{ os: 'Debian' }],
  }),
)
for (const { title, run } of checks) test(title, run)

test('holds for the systems of the policy and no others', () => {
  const [settings, at] = [{ systems: ['Debian'] }, unixTime(0)]
  const holds = ['Debian', 'debian', 'Windows'].map((value) => {
    const facts = { os: { value, source: 'client', since: at } }
    return condition.create().evaluate({ settings, facts, at }).holds
  })
  deepEqual(holds, [true, false, false])
})
