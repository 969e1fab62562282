// Carries packets by WireGuard, without a kernel module:
//
//   plugins:
//     - use: builtin:transport-wireguard
//
// provides the tunnel transport `wireguard`.
import { definePlugin, TunnelTransports } from 'portreeve'
import { WireGuardTransport } from './wireguard-transport.ts'

export const plugin = definePlugin({
  name: 'transport-wireguard',
  api: 1,
  description: 'Carries packets by WireGuard, without a kernel module.',
  setup({ provide }) {
    provide(TunnelTransports, 'wireguard', { create: () => new WireGuardTransport() })
  },
})
