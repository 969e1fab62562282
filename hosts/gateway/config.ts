import { z } from 'zod'
import { peerConfig } from '../../core/config/host-config.ts'
import { parseAdvertised } from '../../core/ice/advertised-address.ts'
import type { PeerEnd } from '../../core/config/host-config.ts'
import type { PluginModules } from '../../core/plugin/load-plugins.ts'
import type { Secret } from '../../core/runtime/secret.ts'

/** Schema of a gateway's configuration file. Relative paths in it begin at its folder. */
export const GatewayConfig = z.strictObject({
  ...peerConfig,
  device: peerConfig.device.default('tun-gateway'),
  /** Folder in which the gateway keeps its id. */
  state_folder: z.string().min(1).default('/var/lib/portreeve/gateway'),
  /**
   * Path of the control socket, mode 0600; `gateway.sock` in the state folder by default. PORTREEVE_SOCKET overrides
   * it.
   */
  socket: z.string().min(1).optional(),
  /**
   * Addresses at which clients reach this gateway beside those of its own interfaces: outside of a 1:1 NAT or a port
   * forward. Without a port it is `udp_port`: `203.0.113.7`, `203.0.113.7:40000`, `[2001:db8::7]:40000`.
   */
  advertised_addresses: z
    .array(z.string().refine((text) => parseAdvertised(text) !== undefined, 'is no address that clients can reach'))
    .max(8)
    .default([]),
  /**
   * Whether a DNS resource may resolve to an address of the gateway's own machine. A CIDR resource may always include
   * one.
   */
  own_addresses: z.enum(['refuse', 'allow']).default('refuse'),
  /**
   * Whether the portal removes this gateway's row a few minutes after it has gone: for containers that keep no state
   * folder. PORTREEVE_EPHEMERAL overrides it.
   */
  ephemeral: z.boolean().default(false),
})
export type GatewayConfig = z.infer<typeof GatewayConfig>

/** Options of `startGateway` in main.ts. Paths in the configuration are absolute. */
export interface GatewayStart {
  config: GatewayConfig
  token: Secret
  modules: PluginModules
  /** Version of this package. */
  version: string
}

/** Gateway whose parts have started; the portal may not have answered yet. */
export interface RunningGateway {
  ended: Promise<PeerEnd>
  stop: () => Promise<void>
}
