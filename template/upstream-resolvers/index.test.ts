import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { UpstreamResolvers } from 'portreeve'
import { checksOf, DnsServer, providedBy, upstreamResolverSuite } from 'portreeve/testing'
import { plugin } from './index.ts'

const resolver = providedBy(plugin, UpstreamResolvers)

const checks = checksOf(() =>
  upstreamResolverSuite('new-one', {
    create: resolver.create,
    serve: async (handler) => {
      const server = await DnsServer.start(handler)
      return { settings: server.settings, stop: () => server.stop() }
    },
  }),
)
for (const { title, run } of checks) test(title, run)

test('takes an address and a port for settings', () => {
  const { validate } = resolver.schema['~standard']
  const samples = [
    { address: '192.0.2.53' },
    { address: '2001:db8::53', port: 5353 },
    {},
    { address: 'ns.example.org' },
  ]
  const taken = samples.map((sample) => !('issues' in validate(sample)))
  deepEqual(taken, [true, true, false, false])
})
