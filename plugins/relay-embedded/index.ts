// Offers the relays that have registered at this portal: `portreeve relay`, released relays, and the one in the portal's own process.
//
//   plugins:
//     - use: builtin:relay-embedded
import { definePlugin, RegisteredRelays, RelayProviders } from 'portreeve'
import { EmbeddedRelays } from './embedded-relays.ts'

export const plugin = definePlugin({
  name: 'relay-embedded',
  api: 1,
  description: 'Offers the relays that have registered at this portal, and the one in its own process.',
  setup({ provide }) {
    provide(RelayProviders, 'embedded', {
      needs: { registered: RegisteredRelays },
      create: (needs) => new EmbeddedRelays(needs),
    })
  },
})
