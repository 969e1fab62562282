// Asks name servers over TLS (RFC 7858): nobody on the way reads or forges names.
//
//   plugins:
//     - use: builtin:resolver-tls
//
// and in the account, as an upstream resolver:
// { "type": "tls", "settings": { "address": "192.0.2.53", "server_name": "dns.example.org" } }
import { definePlugin, DnsExchange, UpstreamResolvers } from 'portreeve'
import { Settings } from './settings.ts'
import { TlsResolver } from './tls-resolver.ts'

export const plugin = definePlugin({
  name: 'resolver-tls',
  api: 1,
  description: 'Asks name servers over TLS (RFC 7858): nobody on the way reads or forges names.',
  setup({ provide }) {
    provide(UpstreamResolvers, 'tls', {
      settings: Settings,
      needs: { exchange: DnsExchange },
      create: (needs) => new TlsResolver(needs),
    })
  },
})
