// Allows access to those who signed in by certain identity providers, or by all others.
//
//   plugins:
//     - use: builtin:condition-identity-provider
//
// and in a policy: { "condition": "identity-provider",
//   "settings": { "operator": "in", "ids": ["8dcad00c-ee83-4379-b1cb-7e480ca8d273"] } }
import { definePlugin, Facts, PolicyConditions } from 'portreeve'
import { Settings } from './config.ts'
import { SignedInBy } from './signed-in-by.ts'

export const plugin = definePlugin({
  name: 'condition-identity-provider',
  api: 1,
  description: 'Allows access to those who signed in by certain identity providers, or by all others.',
  setup({ provide }) {
    provide(PolicyConditions, 'identity-provider', {
      settings: Settings,
      facts: { providerId: Facts.signIn.providerId },
      create: () => new SignedInBy(),
    })
  },
})
