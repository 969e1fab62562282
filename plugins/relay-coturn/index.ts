// Offers relays that run coturn with `use-auth-secret`, which may be many and anywhere.
//
//   plugins:
//     - use: builtin:relay-coturn
//       config:
//         relays:
//           - { name: fra-1, addresses: [203.0.113.20, '2001:db8::20'], secret_file: coturn-secret }
import { definePlugin, RelayProviders, SecretFiles } from 'portreeve'
import { Config } from './config.ts'
import { CoturnRelays } from './coturn-relays.ts'

export const plugin = definePlugin({
  name: 'relay-coturn',
  api: 1,
  description: 'Offers relays that run coturn with use-auth-secret.',
  config: Config,
  setup({ config, provide }) {
    provide(RelayProviders, 'coturn', {
      needs: { secretFiles: SecretFiles },
      create: (needs) => new CoturnRelays(config, needs),
    })
  },
})
