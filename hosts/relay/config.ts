import { z } from 'zod'
import { peerConfig, type PeerEnd } from '../../core/config/host-config.ts'
import type { Secret } from '../../core/runtime/secret.ts'
import { relaySettings } from './relay-settings.ts'

/** Schema of a relay's configuration file. Relative paths in it begin at its folder. */
export const RelayConfig = z.strictObject({
  log_level: peerConfig.log_level,
  portal_url: peerConfig.portal_url,
  ca_file: peerConfig.ca_file,
  token_file: peerConfig.token_file,
  name: peerConfig.name,
  /** UDP port to listen on. Released peers take no other than 3478 for a relay's. */
  port: z.int().min(1).max(65_535).default(3478),
  /**
   * Addresses to listen on, which relayed ports are opened on as well. A machine with several outside addresses has to name those
   * that peers are told, as others may not be the source of what it sends.
   */
  listen: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .min(1)
    .max(16)
    .default(['0.0.0.0', '::']),
  /** TCP listener for WebSockets of peers whose network lets no UDP through; off by default. See `websocket_url`. */
  websocket: z
    .strictObject({
      host: z.string().min(1).default('0.0.0.0'),
      port: z.int().min(0).max(65_535).default(443),
      /** Certificate with its intermediate ones, in PEM. Without it a reverse proxy before the relay does TLS. */
      certificate_file: z.string().min(1).optional(),
      /** Key of the certificate, in PEM. */
      key_file: z.string().min(1).optional(),
    })
    .refine(
      ({ certificate_file, key_file }) => (certificate_file === undefined) === (key_file === undefined),
      'has one of certificate_file and key_file, and needs both',
    )
    .optional(),
  ...relaySettings,
  /** Folder of the control socket. */
  state_folder: z.string().min(1).default('/var/lib/portreeve/relay'),
  /** Path of the control socket, mode 0600; `relay.sock` in the state folder by default. PORTREEVE_SOCKET overrides it. */
  socket: z.string().min(1).optional(),
})
export type RelayConfig = z.infer<typeof RelayConfig>

/** Options of `startRelay` in main.ts. Paths in the configuration are absolute. */
export interface RelayStart {
  config: RelayConfig
  token: Secret
  /** Version of this package. */
  version: string
}

/** Relay whose sockets are open; the portal may not have answered yet. */
export interface RunningRelay {
  ended: Promise<PeerEnd>
  stop: () => Promise<void>
}
