// Allows access from devices that an admin has vouched for, or from all others.
//
//   plugins:
//     - use: builtin:condition-client-verified
//
// and in a policy: { "condition": "client-verified", "settings": {} }
import { definePlugin, Facts, PolicyConditions } from 'portreeve'
import { ClientVerified } from './client-verified.ts'
import { Settings } from './config.ts'

export const plugin = definePlugin({
  name: 'condition-client-verified',
  api: 1,
  description: 'Allows access from devices that an admin has vouched for, or from all others.',
  setup({ provide }) {
    provide(PolicyConditions, 'client-verified', {
      settings: Settings,
      facts: { isVerified: Facts.device.isVerified },
      create: () => new ClientVerified(),
    })
  },
})
