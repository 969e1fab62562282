import { z } from 'zod'
import { hostConfig } from '../../core/config/host-config.ts'
import type { PluginModules } from '../../core/plugin/load-plugins.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { Random } from '../../core/runtime/random.ts'
import { parseNetwork } from '../runtime/permitted-addresses.ts'
import { GrantsConfig, LimitsConfig } from './grants/limits.ts'

const Sqlite = z.strictObject({
  driver: z.literal('sqlite'),
  /** A file, seen from the state folder. */
  file: z.string().min(1).default('portal.sqlite'),
})

const Postgres = z.strictObject({
  driver: z.literal('pg'),
  /** A host name, an address, or the folder of a Unix socket. */
  host: z.string().min(1).default('/var/run/postgresql'),
  port: z.int().min(1).max(65535).default(5432),
  user: z.string().min(1).default('portreeve'),
  database: z.string().min(1).default('portreeve'),
  /** A file of mode 0600 with the password; PORTREEVE_DATABASE_PASSWORD goes before it. */
  password_file: z.string().min(1).optional(),
  /** Whether the server has to show a certificate, and whose: `true` for one of the system's roots, for this host. */
  tls: z
    .union([
      z.boolean(),
      z.strictObject({
        /** Authorities in PEM, in place of the system's roots. */
        ca_file: z.string().min(1).optional(),
        /** The name in the certificate, where it is not the host's. */
        server_name: z.string().min(1).optional(),
      }),
    ])
    .default(false),
})

/** SQLite where nothing is said, and where an older configuration names the library that was used then. */
const Database = z.preprocess(
  (value) => {
    if (typeof value !== 'object' || value === null) return value
    const { driver = 'sqlite' } = value as { driver?: unknown }
    return { ...value, driver: driver === 'better-sqlite3' ? 'sqlite' : driver }
  },
  z.discriminatedUnion('driver', [Sqlite, Postgres]),
)

/** A year and a month: last year's are there when somebody looks at the year. */
const KeptDays = z.union([z.int().min(1).max(36_500), z.literal('forever')]).default(400)

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
  /** How browsers, clients and gateways reach it, without a path; identity providers redirect back to it. By default where it listens. */
  public_url: z
    .url({ protocol: /^https?$/ })
    .refine((text) => URL.canParse(text) && new URL(text).pathname === '/', 'has a path')
    .optional(),
  /** Where the key that signs tokens and cookies is kept, mode 0600, and the embedded database. */
  state_folder: z.string().min(1).default('/var/lib/portreeve'),
  /** Where the rows are: in an embedded SQLite, or in PostgreSQL, which several portal processes may share. */
  database: Database.prefault({}),
  grants: GrantsConfig,
  limits: LimitsConfig,
  /** For how many days the audit trail is kept, or `forever`. Removals are in the trail themselves. */
  audit_trail: z
    .strictObject({
      /** Changes, sign-ins and refused calls of the API. */
      keep_days: KeptDays,
      /** Requests for access, granted and denied, with their reasons. */
      keep_decisions_days: KeptDays,
    })
    .prefault({}),
  /** Proxies whose X-Forwarded-For is believed: addresses or CIDRs. */
  trusted_proxies: z.array(z.string()).default([]),
  /**
   * Networks beside the Internet that requests of the portal's plugins may go to, an identity provider of your own for instance: addresses
   * or CIDRs. An account's admin names issuers, and must not reach what stands near the portal by that.
   */
  private_networks: z
    .array(z.string().refine((text) => parseNetwork(text) !== undefined, 'is no address and no CIDR'))
    .max(100)
    .default([]),
  /** How often one address may ask: so many requests at once after a silence, then so many a second. */
  rate_limit: z
    .strictObject({
      burst: z.int().min(1).default(200),
      per_second: z.number().positive().default(50),
      /** The same for the steps of a sign-in: a code is mailed by one, a slow hash is computed by another. */
      sign_in_burst: z.int().min(1).default(100),
      sign_in_per_second: z.number().positive().default(2),
    })
    .prefault({}),
  /** For how long a browser or a program may take to send a request: its headers, and all of it. */
  timeouts: z
    .strictObject({
      headers_seconds: z.int().min(1).max(600).default(10),
      request_seconds: z.int().min(1).max(600).default(30),
    })
    .prefault({}),
  /** The scheme of the address that a signed-in client is called back on. */
  client_scheme: z
    .string()
    .regex(/^[a-z][a-z0-9+.-]*$/)
    .default('firezone-fd0020211111'),
})
export type PortalConfig = z.infer<typeof PortalConfig>

/** What `startPortal` of main.ts takes. Paths in the configuration are absolute. */
export interface PortalStart {
  config: PortalConfig
  modules: PluginModules
  /** This package's version. */
  version: string
  /** May hold PORTREEVE_SECRET_KEY; empty by default. */
  environment?: Readonly<Record<string, string | undefined>>
  /** The system's by default. */
  clock?: Clock
  random?: Random
  /** Lines of JSON on standard error by default. */
  logger?: Logger
}

/** What `startPortal` gives back once it listens. */
export interface RunningPortal {
  /** Where it listens: `http://192.0.2.1:8080`. */
  url: string
  stop: () => Promise<void>
}

/** What `initPortal` of main.ts takes. It works on the database, beside a running portal too. */
export interface PortalInit extends PortalStart {
  /** The slug of the new account. */
  account: string
  adminEmail: string
}

/** What `initPortal` gives back. The token is an API token of the admin, shown once. */
export interface PortalInitialised {
  account: { id: string; slug: string }
  admin: { id: string; email: string }
  token: string
}

/** Result of `makeEmergencyCode` of main.ts. The code is shown once. */
export interface MadeEmergencyCode {
  account: { id: string; slug: string }
  admin: { id: string; email: string | null }
  /** Where to enter it. */
  url: string
  code: string
  /** RFC 3339. */
  expires_at: string
}
