import type { PortalStatus } from '../../core/control/portal-problem.ts'
import type { Family } from '../../core/runtime/endpoint.ts'
import type { RelayLink, RelayLinkState } from './relay-link.ts'
import type { RelayServer } from './relay-server.ts'

/** Status of a relay, as sent over the control socket and printed by `portreeve relay status --json`. */
export interface RelayStatus {
  /** State of the link to the portal. `unreachable`: it does not answer; the relay serves on for a day. */
  state: RelayLinkState
  /** URL of the portal, and the problem in reaching it, if any. */
  portal: PortalStatus
  /** UDP port that the relay listens on. */
  port: number | null
  /** Addresses at which peers reach it, by family. */
  addresses: Partial<Record<Family, string>>
  relayed_ports: { first: number; last: number }
  /** Number of clients with an allocation. */
  allocations: number
  /** Datagrams and bytes of data that were forwarded. */
  forwarded: { datagrams: number; bytes: number }
  /** Number of answers by code, and of dropped datagrams by reason. */
  outcomes: Readonly<Record<string, number>>
}

/** Returns the status of a relay for people and scripts. */
export const relayStatusOf = ({
  server,
  link,
  addresses,
  relayedPorts,
}: {
  server: Pick<RelayServer, 'numbers' | 'port'>
  link: Pick<RelayLink, 'state' | 'problem' | 'shownUrl'>
  addresses: Partial<Record<Family, string>>
  relayedPorts: { first: number; last: number }
}): RelayStatus => {
  const { allocations, datagrams, bytes, outcomes } = server.numbers
  return {
    state: link.state,
    portal: { url: link.shownUrl, problem: link.problem ?? null },
    port: server.port ?? null,
    addresses,
    relayed_ports: relayedPorts,
    allocations,
    forwarded: { datagrams, bytes },
    outcomes,
  }
}
