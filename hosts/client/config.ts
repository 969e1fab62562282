import { z } from 'zod'
import { peerConfig } from '../../core/config/host-config.ts'

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
  /** The control socket, mode 0600; one per client on a machine. PORTREEVE_SOCKET goes before it. */
  socket: z.string().min(1).default('/run/portreeve-client.sock'),
  /** How the system's resolver is pointed at the client; `none` leaves it alone. */
  dns: z.enum(['auto', 'resolv-conf', 'systemd-resolved', 'none']).default('auto'),
})
export type ClientConfig = z.infer<typeof ClientConfig>
