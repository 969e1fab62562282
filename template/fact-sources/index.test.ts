import { test } from 'node:test'
import { FactSources, HttpClient, PolicyConditions } from 'portreeve'
import { checksOf, createHttpClient, factSourceSuite, policyConditionSuite, providedBy } from 'portreeve/testing'
import { plugin } from './index.ts'

const ADA = 'ada@example.org'
const list = {
  send: async () => ({ status: 200, headers: {}, body: new TextEncoder().encode(`{"${ADA}": "Berlin"}`) }),
}
const config = { url: 'http://127.0.0.1:1/places.json' }
const source = providedBy(plugin, FactSources, { config, ports: [[HttpClient, list]] })
const nobody = providedBy(plugin, FactSources, { config, ports: [[HttpClient, createHttpClient()]] })

const checks = checksOf(() => {
  factSourceSuite('new-one', { ...source, keys: [ADA], unreachable: nobody.create })
  policyConditionSuite('new-one', {
    ...providedBy(plugin, PolicyConditions, { config }),
    settings: [{ places: ['Berlin'] }],
    refused: [{}, { places: [] }],
    known: [{ place: 'Berlin' }, { place: 'Paris' }],
  })
})
for (const { title, run } of checks) test(title, run)
