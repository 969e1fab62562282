// Asks a name server by plain DNS.
//
//   plugins:
//     - use: portreeve-resolver-new-one
//
// and in the account: { "upstream_resolvers": [{ "type": "new-one", "settings": { "address": "192.0.2.53" } }] }
import { askServer, definePlugin, DnsExchange, endpoint, ServerAddress, UpstreamResolvers, z } from 'portreeve'

const Settings = z.strictObject({
  address: ServerAddress.describe('Address of the name server, IPv4 or IPv6'),
  port: z.int().min(1).max(65535).default(53),
})

/** Time limit of one question, in milliseconds. */
const TIMEOUT_MS = 5_000

export const plugin = definePlugin({
  name: 'resolver-new-one',
  api: 1,
  description: 'Asks a name server by plain DNS.',
  setup({ provide }) {
    provide(UpstreamResolvers, 'new-one', {
      settings: Settings,
      needs: { exchange: DnsExchange },
      create: ({ exchange }) => ({
        describe: ({ address, port }) => endpoint(address, port),
        async resolve({ settings: { address, port }, ...query }) {
          return askServer(exchange, { ...query, server: endpoint(address, port), timeoutMs: TIMEOUT_MS })
        },
      }),
    })
  },
})
