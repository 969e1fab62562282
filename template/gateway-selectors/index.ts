// Chooses the gateway that answers the client soonest, unless it is full.
//
//   plugins:
//     - use: portreeve-selector-new-one
//
// and for a site: { "selector": "new-one", "selector_settings": { "at_most_clients": 500 } }
import { definePlugin, Facts, GatewaySelectors, z } from 'portreeve'

const Settings = z.strictObject({
  at_most_clients: z.int().min(1).max(100_000).default(500).describe('Clients from which on a gateway is full'),
})

export const plugin = definePlugin({
  name: 'selector-new-one',
  api: 1,
  description: 'Chooses the gateway that answers the client soonest, unless it is full.',
  setup({ provide }) {
    provide(GatewaySelectors, 'new-one', {
      settings: Settings,
      candidateFacts: { roundTrip: Facts.path.roundTripMs, clients: Facts.gateway.clients },
      create: () => ({
        select({ settings, candidates }) {
          // Each fact may be unknown: nobody has measured yet.
          const places = candidates.map(({ id, facts }) => ({
            id,
            ms: facts.roundTrip?.value ?? Infinity,
            isFull: (facts.clients?.value ?? 0) >= settings.at_most_clients,
          }))
          const free = places.filter(({ isFull }) => !isFull)
          const best = (free.length > 0 ? free : places).reduce((a, b) => (b.ms < a.ms ? b : a))
          return {
            gatewayId: best.id,
            // Completes: chosen because it is …
            reason:
              best.ms === Infinity ? 'one that nobody has measured' : `the nearest, ${Math.round(best.ms)} ms away`,
          }
        },
      }),
    })
  },
})
