// Asks name servers by plain DNS: over UDP, and over TCP what UDP cut short.
//
//   plugins:
//     - use: builtin:resolver-udp
//
// and in the account, as an upstream resolver: { "type": "udp", "settings": { "address": "192.0.2.53" } }
import { definePlugin, DnsExchange, UpstreamResolvers } from 'portreeve'
import { Settings } from './settings.ts'
import { UdpResolver } from './udp-resolver.ts'

export const plugin = definePlugin({
  name: 'resolver-udp',
  api: 1,
  description: 'Asks name servers by plain DNS: over UDP, and over TCP what UDP cut short.',
  setup({ provide }) {
    provide(UpstreamResolvers, 'udp', {
      settings: Settings,
      needs: { exchange: DnsExchange },
      create: (needs) => new UdpResolver(needs),
    })
  },
})
