import { z } from 'zod'
import { DEFAULT_MTU, LEAST_MTU, MOST_MTU } from '../runtime/mtu.ts'
import { PluginEntry } from './parse-config.ts'

/** What is in the configuration of every host. */
export const hostConfig = {
  /** The plugins to load, in order. */
  plugins: z.array(PluginEntry).default([]),
  /** What is less urgent is not logged. */
  log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
}

/** What a client and a gateway have in common. Relative paths are seen from the configuration file. */
export const peerConfig = {
  ...hostConfig,
  /** Where the portal is: http, https, ws or wss; a path before the API's own is kept. */
  portal_url: z.url({ protocol: /^(?:https?|wss?)$/ }),
  /** A file with the authorities (PEM) whose certificate the portal may have, beside those that Node and the system trust. */
  ca_file: z.string().min(1).optional(),
  /** A file, mode 0600, that holds the token. The environment's PORTREEVE_TOKEN goes before it. */
  token_file: z.string().min(1).optional(),
  /** What people call this machine; its host name by default. */
  name: z.string().min(1).max(255).optional(),
  /** What it is known by across restarts, a UUID or any text; by default one is made and kept in the state folder. */
  id: z.string().min(1).max(255).optional(),
  /** The TUN device. */
  device: z.string().regex(/^[A-Za-z0-9_.-]{1,15}$/, 'at most 15 letters, digits, dots, dashes and underscores'),
  /**
   * Of the TUN device: the largest packet, in bytes. What is longer than 1280 goes only along paths that were shown to take it. More than the
   * default is for networks with jumbo frames: at both ends, and all the way.
   */
  mtu: z.int().min(LEAST_MTU).max(MOST_MTU).default(DEFAULT_MTU),
  /** The UDP port for tunnels; another one where it is taken. */
  udp_port: z.int().min(0).max(65535).default(52625),
}

/** Why a client or a gateway is over: asked to, its token was refused, another one has its identity, or the portal never answered. */
export interface PeerEnd {
  reason: 'stopped' | 'signed_out' | 'identity_in_use' | 'unreachable'
  /** For people: the portal's own code where it gave one. */
  detail?: string
}
