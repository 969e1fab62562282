// Asks name servers over HTTPS (RFC 8484), which passes wherever the web does.
//
//   plugins:
//     - use: builtin:resolver-https
//       config:
//         bootstrap: { dns.example.org: [192.0.2.53] }
//
// and in the account, as an upstream resolver:
// { "type": "https", "settings": { "url": "https://dns.example.org/dns-query" } }
import { Clock, definePlugin, DnsExchange, HttpClient, SystemResolvers, UpstreamResolvers } from 'portreeve'
import { Config } from './config.ts'
import { HostAddresses } from './host-addresses.ts'
import { HttpsResolver } from './https-resolver.ts'
import { Settings } from './settings.ts'

export const plugin = definePlugin({
  name: 'resolver-https',
  api: 1,
  description: 'Asks name servers over HTTPS (RFC 8484), which passes wherever the web does.',
  config: Config,
  setup({ config, provide }) {
    provide(UpstreamResolvers, 'https', {
      settings: Settings,
      needs: { http: HttpClient, exchange: DnsExchange, system: SystemResolvers, clock: Clock },
      create: ({ http, ...needs }) => new HttpsResolver({ http, hosts: new HostAddresses({ config, ...needs }) }),
    })
  },
})
