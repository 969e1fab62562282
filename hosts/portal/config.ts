import { z } from 'zod'
import { hostConfig } from '../../core/config/host-config.ts'

/** A portal's configuration file. Relative paths are seen from it. */
export const PortalConfig = z.strictObject({
  ...hostConfig,
  /** Where it listens for HTTP and for the control channel. */
  listen: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      /** Peers dial 443 where a URL has no port, whatever its scheme: without TLS in front, choose another than 80. */
      port: z.int().min(0).max(65535).default(8080),
    })
    .prefault({}),
  /** How browsers, clients and gateways reach it; identity providers redirect back to it. */
  public_url: z.url({ protocol: /^https?$/ }),
  /** Where the key that signs tokens and cookies is kept, mode 0600, and the embedded database. */
  state_folder: z.string().min(1).default('/var/lib/portreeve'),
  /** The database driver, by its name in knex, and what it connects to. */
  database: z
    .strictObject({
      driver: z.string().min(1).default('better-sqlite3'),
      /** A file, for an embedded database; seen from the state folder. */
      file: z.string().min(1).default('portal.sqlite'),
    })
    .prefault({}),
  /** Proxies whose X-Forwarded-For is believed: addresses or CIDRs. */
  trusted_proxies: z.array(z.string()).default([]),
  /** The scheme of the address that a signed-in client is called back on. */
  client_scheme: z
    .string()
    .regex(/^[a-z][a-z0-9+.-]*$/)
    .default('firezone-fd0020211111'),
})
export type PortalConfig = z.infer<typeof PortalConfig>
