// Asks the name servers that the machine itself is set to use.
//
//   plugins:
//     - use: builtin:resolver-system
//
// It is what a client falls back to where the account names no upstream resolvers, and what a gateway resolves its site's names with.
import { Clock, definePlugin, DnsExchange, SystemResolvers, UpstreamResolvers } from 'portreeve'
import { SystemResolver } from './system-resolver.ts'

export const plugin = definePlugin({
  name: 'resolver-system',
  api: 1,
  description: 'Asks the name servers that the machine itself is set to use.',
  setup({ provide }) {
    provide(UpstreamResolvers, 'system', {
      needs: { exchange: DnsExchange, system: SystemResolvers, clock: Clock },
      create: (needs) => new SystemResolver(needs),
    })
  },
})
