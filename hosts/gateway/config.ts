import { z } from 'zod'
import { peerConfig } from '../../core/config/host-config.ts'
import type { PeerEnd } from '../../core/config/host-config.ts'
import type { PluginModules } from '../../core/plugin/load-plugins.ts'
import type { Secret } from '../../core/runtime/secret.ts'

/** A gateway's configuration file. Relative paths are seen from it. */
export const GatewayConfig = z.strictObject({
  ...peerConfig,
  device: peerConfig.device.default('tun-gateway'),
  /** Where the gateway keeps its id. */
  state_folder: z.string().min(1).default('/var/lib/portreeve-gateway'),
  /** The control socket, mode 0600; `gateway.sock` in the state folder by default. PORTREEVE_SOCKET goes before it. */
  socket: z.string().min(1).optional(),
  /** Whether a name that resolves to an address of the gateway's own machine leads there. A CIDR resource always may. */
  own_addresses: z.enum(['refuse', 'allow']).default('refuse'),
})
export type GatewayConfig = z.infer<typeof GatewayConfig>

/** What `startGateway` of main.ts takes. Paths in the configuration are absolute. */
export interface GatewayStart {
  config: GatewayConfig
  token: Secret
  modules: PluginModules
  /** This package's version. */
  version: string
}

/** What `startGateway` gives back once its parts run; the portal may not have answered yet. */
export interface RunningGateway {
  ended: Promise<PeerEnd>
  stop: () => Promise<void>
}
