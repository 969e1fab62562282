// Asks name servers over HTTPS (RFC 8484), which passes wherever the web does.
//
//   plugins:
//     - use: builtin:resolver-https
//       config:
//         bootstrap: { dns.example.org: [192.0.2.53] }
//
// and in the account, as an upstream resolver: { "type": "https", "url": "https://dns.example.org/dns-query" }
import { Clock, definePlugin, DnsExchange, HttpClient, injected, SystemResolvers, UpstreamResolvers } from 'portreeve'
import { Config } from './config.ts'
import { HostAddresses } from './host-addresses.ts'
import { HttpsResolver } from './https-resolver.ts'

export const plugin = definePlugin<Config>({
  name: 'resolver-https',
  api: 1,
  config: Config,
  setup({ config, provide }) {
    class Configured extends HttpsResolver {
      constructor(
        @injected(HttpClient) http: HttpClient,
        @injected(DnsExchange) exchange: DnsExchange,
        @injected(SystemResolvers) system: SystemResolvers,
        @injected(Clock) clock: Clock,
      ) {
        super({ http, hosts: new HostAddresses({ config, exchange, system, clock }) })
      }
    }
    provide(UpstreamResolvers, 'https', Configured)
  },
})
