// Chooses among a site's healthy gateways, each as likely as any other.
//
//   plugins:
//     - use: builtin:selector-random
//
// and for a site: { "selector": "random" }, which is the default.
import { definePlugin, GatewaySelectors, Random } from 'portreeve'
import { RandomSelector } from './random-selector.ts'

export const plugin = definePlugin({
  name: 'selector-random',
  api: 1,
  description: "Chooses among a site's healthy gateways, each as likely as any other.",
  setup({ provide }) {
    provide(GatewaySelectors, 'random', {
      needs: { random: Random },
      create: (needs) => new RandomSelector(needs),
    })
  },
})
