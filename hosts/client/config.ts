import { z } from 'zod'
import { peerConfig } from '../../core/config/host-config.ts'
import type { PluginModules } from '../../core/plugin/load-plugins.ts'
import type { Secret } from '../../core/runtime/secret.ts'

/** A client's configuration file. Relative paths are seen from it. */
export const ClientConfig = z.strictObject({
  ...peerConfig,
  device: peerConfig.device.default('tun-portreeve'),
  /** The account's slug, for signing in; a client with a token needs none. */
  account: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'a slug: lower-case letters, digits, - and _')
    .optional(),
  /** Where the client keeps its id, its token, and the original resolver configuration while it runs. */
  state_folder: z.string().min(1).default('/var/lib/portreeve-client'),
  /** Where the token of a sign-in is kept: a 0600 file in the state folder, or the Secret Service of the session, by `secret-tool`. */
  secret_store: z.enum(['file', 'secret-service']).default('file'),
  /** The control socket, mode 0600. PORTREEVE_SOCKET goes before it. */
  socket: z.string().min(1).default('/run/portreeve-client.sock'),
  /** How the system's resolver is pointed at the client; `none` leaves it alone. */
  dns: z.enum(['auto', 'resolv-conf', 'systemd-resolved', 'none']).default('auto'),
})
export type ClientConfig = z.infer<typeof ClientConfig>

/** What `startClient` of main.ts takes. Paths in the configuration are absolute. */
export interface ClientStart {
  config: ClientConfig
  token: Secret
  modules: PluginModules
  /** This package's version. */
  version: string
}
