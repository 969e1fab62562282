import { test } from 'node:test'
import { HttpClient, RelayProviders } from 'portreeve'
import { coturnPassword } from 'portreeve/crypto'
import { checksOf, providedBy, relayProviderSuite } from 'portreeve/testing'
import { plugin } from './index.ts'

const secret = 'a secret of the relays'
const list = { secret, relays: [{ name: 'fra-1', address: '203.0.113.20' }] }
const http = {
  send: async () => ({ status: 200, headers: {}, body: new TextEncoder().encode(JSON.stringify(list)) }),
}
const { create } = providedBy(plugin, RelayProviders, {
  config: { url: 'http://127.0.0.1:1/list.json' },
  ports: [[HttpClient, http]],
})

const checks = checksOf(() =>
  relayProviderSuite('new-one', {
    create,
    secrets: [secret],
    accepts: (_, { username, password }) => password === coturnPassword({ secret, username }),
  }),
)
for (const { title, run } of checks) test(title, run)
