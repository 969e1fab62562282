// Carries packets without any cryptography, for tests:
//
//   plugins:
//     - use: builtin:transport-memory
//
// provides the tunnel transport `memory`.
import { definePlugin, TunnelTransports } from 'portreeve'
import { MemoryTransport } from './memory-transport.ts'

export const plugin = definePlugin({
  name: 'transport-memory',
  api: 1,
  description: 'Carries packets without any cryptography, for tests.',
  setup({ provide }) {
    provide(TunnelTransports, 'memory', { create: () => new MemoryTransport() })
  },
})
