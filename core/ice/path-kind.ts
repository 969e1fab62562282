/** Kinds of paths. */
export const PATH_KINDS = ['direct', 'nat', 'relayed', 'websocket'] as const

/**
 * Kind of a path. `direct`: to an address of the other end's own interface; `nat`: to one outside of a NAT; `relayed`:
 * by a relay, reached by UDP; `websocket`: by a relay, reached by a WebSocket.
 */
export type PathKind = (typeof PATH_KINDS)[number]

/**
 * Codes of the reason why packets take a relay. `udp_blocked`: nothing answers this end by UDP; `private_addresses`: the
 * other end offers only addresses of a private network; `no_addresses`: it offers none of its own; `own_unknown`: this
 * end knows no address of its own that can be reached from outside; `not_let_in`: both ends know one, and neither is
 * let in by the other's NAT or firewall.
 */
export const INDIRECT_REASONS = [
  'udp_blocked',
  'private_addresses',
  'no_addresses',
  'own_unknown',
  'not_let_in',
] as const
export type IndirectReason = (typeof INDIRECT_REASONS)[number]
