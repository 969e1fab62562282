import { z } from 'zod'
import { hostConfig } from '../../core/config/host-config.ts'
import type { PluginModules } from '../../core/plugin/load-plugins.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { Random } from '../../core/runtime/random.ts'
import { parseNetwork } from '../runtime/permitted-addresses.ts'
import { GrantsConfig, LimitsConfig } from './grants/limits.ts'
import { RelaysConfig } from './relays/relays-config.ts'
import { EmbeddedRelayConfig } from './stun/embedded-relay-config.ts'
import { StunConfig } from './stun/stun-config.ts'

const Sqlite = z.strictObject({
  driver: z.literal('sqlite'),
  /** Path of the database file, relative to the state folder. */
  file: z.string().min(1).default('portal.sqlite'),
})

const Postgres = z.strictObject({
  driver: z.literal('pg'),
  /** Host name, IP address, or directory of a Unix socket. */
  host: z.string().min(1).default('/var/run/postgresql'),
  port: z.int().min(1).max(65535).default(5432),
  user: z.string().min(1).default('portreeve'),
  database: z.string().min(1).default('portreeve'),
  /** File of mode 0600 with the password; PORTREEVE_DATABASE_PASSWORD takes precedence. */
  password_file: z.string().min(1).optional(),
  /** Whether to use TLS: `true` demands a certificate from one of the system's authorities for this host. */
  tls: z
    .union([
      z.boolean(),
      z.strictObject({
        /** File with trusted authorities in PEM, in place of the system's. */
        ca_file: z.string().min(1).optional(),
        /** Name in the server's certificate, if not the host's. */
        server_name: z.string().min(1).optional(),
      }),
    ])
    .default(false),
})

/**
 * Database settings; the driver is SQLite by default. `better-sqlite3`, which older configurations name, means the
 * same.
 */
const Database = z.preprocess(
  (value) => {
    if (typeof value !== 'object' || value === null) return value
    const { driver = 'sqlite' } = value as { driver?: unknown }
    return { ...value, driver: driver === 'better-sqlite3' ? 'sqlite' : driver }
  },
  z.discriminatedUnion('driver', [Sqlite, Postgres]),
)

/** Days to keep, by default a year and a month, so that a yearly review still finds last year's records. */
const KeptDays = z.union([z.int().min(1).max(36_500), z.literal('forever')]).default(400)

/** Configuration file of a portal. Relative paths are relative to the file. */
export const PortalConfig = z.strictObject({
  ...hostConfig,
  /** Address on which the portal listens for HTTP and the control channel. */
  listen: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      /**
       * TCP port. Peers use 443 for a URL without a port, whatever its scheme: without a TLS proxy in front, choose
       * another port than 80.
       */
      port: z.int().min(0).max(65535).default(8080),
      /** Certificate for TLS. Without it the portal speaks plain HTTP: on the loopback address, or to a reverse proxy. */
      tls: z
        .strictObject({
          /** File in PEM: the certificate, then its intermediate ones. Read again when it changes. */
          certificate_file: z.string().min(1),
          /** File in PEM with the certificate's key. */
          key_file: z.string().min(1),
        })
        .optional(),
    })
    .prefault({}),
  /**
   * URL at which browsers, clients and gateways reach the portal, without a path; identity providers redirect back to
   * it. By default the address on which it listens.
   */
  public_url: z
    .url({ protocol: /^https?$/ })
    .refine((text) => URL.canParse(text) && new URL(text).pathname === '/', 'has a path')
    .optional(),
  /** Directory of the key that signs tokens and cookies (mode 0600) and of the SQLite database. */
  state_folder: z.string().min(1).default('/var/lib/portreeve/portal'),
  /** Database: embedded SQLite, or PostgreSQL, which several portal processes may share. */
  database: Database.prefault({}),
  /** STUN server. On by default unless `public_url` is this machine itself; `false` is off. */
  stun: z.union([z.literal(false), StunConfig]).optional(),
  relays: RelaysConfig,
  /**
   * Relay in the portal's own process, at the STUN server's port, over which peers meet that find no direct path. On by default wherever
   * the STUN server is; `false` leaves that alone.
   */
  relay: z.union([z.literal(false), EmbeddedRelayConfig]).optional(),
  grants: GrantsConfig,
  limits: LimitsConfig,
  /** Days for which audit records are kept, or `forever`. Removals are audited themselves. */
  audit_trail: z
    .strictObject({
      /** Days for changes, sign-ins and refused calls of the API. */
      keep_days: KeptDays,
      /** Days for requests for access, granted and denied, with their reasons. */
      keep_decisions_days: KeptDays,
    })
    .prefault({}),
  /** Removal of the rows of gateways that have gone, with a record in the audit trail; never of one that is connected. */
  gateway_rows: z
    .strictObject({
      /**
       * Seconds for which an ephemeral gateway keeps its row while it is not connected, at least; also after a start of
       * the portal, so that gateways can come back.
       */
      ephemeral_grace_seconds: z.int().min(60).max(86_400).default(300),
      /** Days for which any other gateway keeps its row while it is not connected, or `forever`. */
      keep_offline_days: z.union([z.int().min(1).max(36_500), z.literal('forever')]).default('forever'),
    })
    .prefault({}),
  /** Reverse proxies whose X-Forwarded-For header is trusted: IP addresses or CIDRs. */
  trusted_proxies: z.array(z.string()).default([]),
  /**
   * Networks besides the Internet that the portal's plugins may send requests to, such as that of your own identity
   * provider: IP addresses or CIDRs. All other private addresses are blocked, because an account's admin chooses issuer
   * URLs and must not reach servers near the portal with them.
   */
  private_networks: z
    .array(z.string().refine((text) => parseNetwork(text) !== undefined, 'is no address and no CIDR'))
    .max(100)
    .default([]),
  /**
   * Whether the proxy of HTTPS_PROXY and HTTP_PROXY resolves the names of plugins' requests. By default the portal does,
   * and asks the proxy for an address that these requests may go to. If `true`, the proxy itself has to refuse private
   * addresses.
   */
  proxy_resolves_names: z.boolean().default(false),
  /** Rate limit per IP address: a burst of requests after a silence, then so many a second. */
  rate_limit: z
    .strictObject({
      burst: z.int().min(1).default(200),
      per_second: z.number().positive().default(50),
      /** Burst limit for steps of a sign-in, which are costly: one sends a mail, another computes a slow hash. */
      sign_in_burst: z.int().min(1).default(100),
      sign_in_per_second: z.number().positive().default(2),
    })
    .prefault({}),
  /** Time limits for receiving a request: its headers, and the whole request. */
  timeouts: z
    .strictObject({
      headers_seconds: z.int().min(1).max(600).default(10),
      request_seconds: z.int().min(1).max(600).default(30),
    })
    .prefault({}),
  /** URL scheme to which the browser redirects after a client's sign-in. */
  client_scheme: z
    .string()
    .regex(/^[a-z][a-z0-9+.-]*$/)
    .default('firezone-fd0020211111'),
})
export type PortalConfig = z.infer<typeof PortalConfig>

/** Options of `startPortal` in main.ts. Paths in the configuration are absolute. */
export interface PortalStart {
  config: PortalConfig
  modules: PluginModules
  /** Version of this package. */
  version: string
  /** Environment variables; may have PORTREEVE_SECRET_KEY and PORTREEVE_DATABASE_PASSWORD. Empty by default. */
  environment?: Readonly<Record<string, string | undefined>>
  /** Time limit of a question to a plugin in a thread of its own; 250 ms by default. */
  questionMs?: number
  /** Clock, and source of randomness; the system's by default. */
  clock?: Clock
  random?: Random
  /** Log; JSON lines on standard error by default. */
  logger?: Logger
}

/** Running portal, returned by `startPortal` once it listens. */
export interface RunningPortal {
  /** URL on which it listens, such as `http://192.0.2.1:8080`. */
  url: string
  /** Reads the certificate's files at once, if the portal has some and they have changed. */
  readCertificate: () => void
  stop: () => Promise<void>
}

/** Options of `initPortal` in main.ts, which also works while a portal runs. */
export interface PortalInit extends PortalStart {
  /** Slug of the new account. */
  account: string
  adminEmail: string
}

/** Result of `initPortal`. The token is an API token of the admin, shown only here. */
export interface PortalInitialised {
  account: { id: string; slug: string }
  admin: { id: string; email: string }
  token: string
}

/** Result of `makeEmergencyCode` in main.ts. The code is shown only here. */
export interface MadeEmergencyCode {
  account: { id: string; slug: string }
  admin: { id: string; email: string | null }
  /** URL of the page on which to enter the code. */
  url: string
  code: string
  /** End of the code's validity (RFC 3339). */
  expires_at: string
}
