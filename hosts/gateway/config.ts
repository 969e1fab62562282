import { z } from 'zod'
import { peerConfig } from '../../core/config/host-config.ts'

/** A gateway's configuration file. Relative paths are seen from it. */
export const GatewayConfig = z.strictObject({
  ...peerConfig,
  device: peerConfig.device.default('tun-gateway'),
  /** Where the gateway keeps its id. */
  state_folder: z.string().min(1).default('/var/lib/portreeve-gateway'),
})
export type GatewayConfig = z.infer<typeof GatewayConfig>
