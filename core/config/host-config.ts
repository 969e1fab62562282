import { z } from 'zod'
import { DEFAULT_MTU, MIN_MTU, MAX_MTU } from '../runtime/mtu.ts'
import { PluginEntry } from './parse-config.ts'
import { MAX_RESOLVERS, ResolverEntry } from './resolver-entry.ts'

/** Configuration keys of every host: portal, client and gateway. */
export const hostConfig = {
  /** The plugins to load, in order. */
  plugins: z.array(PluginEntry).default([]),
  /** Least urgent level that is logged. */
  log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
}

/** Configuration keys of a client and of a gateway. Relative paths start at the configuration file's folder. */
export const peerConfig = {
  ...hostConfig,
  /** Portal's URL: http, https, ws or wss. Its path is kept as a prefix of the API's paths. */
  portal_url: z.url({ protocol: /^(?:https?|wss?)$/ }),
  /** PEM file of certificate authorities to trust for the portal, beside those that Node.js and the system trust. */
  ca_file: z.string().min(1).optional(),
  /** File, mode 0600, that holds the token. The environment variable PORTREEVE_TOKEN takes precedence. */
  token_file: z.string().min(1).optional(),
  /** Name of this machine for people; its host name by default. */
  name: z.string().min(1).max(255).optional(),
  /**
   * Identity of this machine across restarts, a UUID or any text; by default one is made and kept in the state folder.
   */
  id: z.string().min(1).max(255).optional(),
  /** Key of the tunnel transport to use, under which a plugin provides it. Required only if plugins provide several. */
  transport: z.string().min(1).max(64).optional(),
  /** Resolvers to ask by default: a client for names that the account's do not take, a gateway for its site's names. */
  resolvers: z
    .array(ResolverEntry)
    .max(MAX_RESOLVERS)
    .default([{ type: 'system', settings: {} }]),
  /** Name of the TUN device. */
  device: z.string().regex(/^[A-Za-z0-9_.-]{1,15}$/, 'at most 15 letters, digits, dots, dashes and underscores'),
  /**
   * MTU of the TUN device in bytes. A packet longer than 1280 bytes is sent only along a path that was probed to carry
   * it. More than the default is of use only where both ends and the whole path between them have jumbo frames.
   */
  mtu: z.int().min(MIN_MTU).max(MAX_MTU).default(DEFAULT_MTU),
  /**
   * UDP port for tunnels, of both families. If it is taken, another one is chosen, except by a gateway with
   * `advertised_addresses`, whose router or firewall would not know of it. 0 is any.
   */
  udp_port: z.int().min(0).max(65535).default(52625),
  /**
   * Network devices whose addresses are not offered to peers, such as `docker0`; a name may end in `*`. Bridges of
   * containers are offered last anyway.
   */
  exclude_interfaces: z
    .array(
      z
        .string()
        .regex(/^[^\s/*]{0,15}\*?$/, 'the name of a network device, which may end in *')
        .min(1),
    )
    .max(64)
    .default([]),
}

/**
 * Why a client or a gateway stopped: asked to, its token was refused, another process has its identity, or the portal
 * never answered.
 */
export interface PeerEnd {
  reason: 'stopped' | 'signed_out' | 'identity_in_use' | 'unreachable'
  /** Cause for people to read; the portal's own code if it gave one. */
  detail?: string
}
