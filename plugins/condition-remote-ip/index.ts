// Allows access from certain addresses, or from all others.
//
//   plugins:
//     - use: builtin:condition-remote-ip
//
// and in a policy: { "condition": "remote-ip", "settings": { "operator": "in", "ranges": ["192.0.2.0/24"] } }
import { definePlugin, Facts, PolicyConditions } from 'portreeve'
import { Settings } from './config.ts'
import { RemoteIp } from './remote-ip.ts'

export const plugin = definePlugin({
  name: 'condition-remote-ip',
  api: 1,
  description: 'Allows access from certain addresses, or from all others.',
  setup({ provide }) {
    provide(PolicyConditions, 'remote-ip', {
      settings: Settings,
      facts: { address: Facts.client.address },
      create: () => new RemoteIp(),
    })
  },
})
