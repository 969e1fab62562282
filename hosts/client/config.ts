import { z } from 'zod'
import { peerConfig } from '../../core/config/host-config.ts'
import type { PluginModules } from '../../core/plugin/load-plugins.ts'
import type { Secret } from '../../core/runtime/secret.ts'

/** Schema of a client's configuration file. Relative paths in it begin at its folder. */
export const ClientConfig = z.strictObject({
  ...peerConfig,
  device: peerConfig.device.default('tun-portreeve'),
  /** Slug of the account to sign in to; not needed with a token. */
  account: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'a slug: lower-case letters, digits, - and _')
    .optional(),
  /** Folder in which the client keeps its id, device key and token. */
  state_folder: z.string().min(1).default('/var/lib/portreeve/client'),
  /**
   * Storage of the token after a sign-in: a 0600 file in the state folder, or the session's Secret Service, with
   * `secret-tool`.
   */
  secret_store: z.enum(['file', 'secret-service']).default('file'),
  /** Path of the control socket, mode 0600. PORTREEVE_SOCKET overrides it. */
  socket: z.string().min(1).default('/run/portreeve/client.sock'),
  /** How the system's resolver is set to use the client's; `none` leaves it unchanged. */
  dns: z.enum(['auto', 'resolv-conf', 'systemd-resolved', 'none']).default('auto'),
})
export type ClientConfig = z.infer<typeof ClientConfig>

/** Options of `startClient` in main.ts. Paths in the configuration are absolute. */
export interface ClientStart {
  config: ClientConfig
  token: Secret
  modules: PluginModules
  /** Version of this package. */
  version: string
}
