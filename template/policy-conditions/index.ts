// Allows access from certain operating systems.
//
//   plugins:
//     - use: portreeve-condition-new-one
//
// and in a policy: { "condition": "new-one", "settings": { "systems": ["Debian"] } }
import { definePlugin, Facts, PolicyConditions, z } from 'portreeve'

const Settings = z.strictObject({
  systems: z
    .array(z.string().min(1).max(100))
    .min(1)
    .max(100)
    .describe('Operating systems that may pass, as clients spell them: Debian'),
})

export const plugin = definePlugin({
  name: 'condition-new-one',
  api: 1,
  description: 'Allows access from certain operating systems.',
  setup({ provide }) {
    provide(PolicyConditions, 'new-one', {
      settings: Settings,
      facts: { os: Facts.device.os },
      create: () => ({
        evaluate({ settings, facts }) {
          if (settings.systems.includes(facts.os.value)) return { holds: true, reason: 'the system is one of them' }
          return {
            holds: false,
            reason: 'the system is none of them',
            told: `this policy is for ${settings.systems.join(', ')}`.slice(0, 300),
          }
        },
      }),
    })
  },
})
