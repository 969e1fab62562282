// Carries packets in sessions of the Noise protocol, pattern KKpsk0.
//
//   plugins:
//     - use: portreeve-transport-new-one
//   transport: new-one
//
// in client.yaml and in gateway.yaml.
import { definePlugin, TunnelTransports } from 'portreeve'
import { NoiseKkTransport } from './noise-kk-transport.ts'

export const plugin = definePlugin({
  name: 'transport-new-one',
  api: 1,
  description: 'Carries packets in sessions of the Noise protocol.',
  setup({ provide }) {
    provide(TunnelTransports, 'new-one', { create: () => new NoiseKkTransport() })
  },
})
