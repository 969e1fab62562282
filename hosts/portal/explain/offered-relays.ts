import type { Connection } from '../grants/connections.ts'
import type { Knowledge } from '../grants/knowledge.ts'

/** Relay that a peer was offered. */
export interface OfferedRelay {
  id: string
  name: string
}

/** Relays through which a client and a gateway could reach each other. */
export interface OfferedRelays {
  /** Relays that the client was offered; empty while it is not connected. */
  ofClient: readonly OfferedRelay[]
  /** Relays that each connected gateway was offered, by its id. */
  ofGateways: ReadonlyMap<string, readonly OfferedRelay[]>
  /** Ids of gateways that the client reported not to reach, in its latest request. */
  unreachable: ReadonlySet<string>
}

/** Returns the relays that a client and some gateways were offered. */
export const offeredRelays = (
  { peers, relayOffers }: Pick<Knowledge, 'peers' | 'relayOffers'>,
  { client, gatewayIds }: { client: Connection | undefined; gatewayIds: readonly string[] },
): OfferedRelays => {
  const offeredTo = (connection: Connection | undefined): OfferedRelay[] =>
    relayOffers.offeredTo(connection).map(({ id, name }) => ({ id, name }))
  return {
    ofClient: offeredTo(client),
    ofGateways: new Map(gatewayIds.map((id) => [id, offeredTo(peers.gateway(id))])),
    unreachable: client?.unreachableGateways ?? new Set(),
  }
}

/** Says of each gateway that the client does not reach which relays both ends were offered: one sentence per line. */
export const unreachableLines = (
  { ofClient, ofGateways, unreachable }: OfferedRelays,
  gateways: readonly { id: string; name: string; isConnected: boolean }[],
): string[] =>
  gateways
    .filter(({ id, isConnected }) => isConnected && unreachable.has(id))
    .map(({ id, name }) => {
      const ofGateway = ofGateways.get(id) ?? []
      const has = `The client says that it does not reach the gateway ${name}`
      if (ofClient.length === 0 && ofGateway.length === 0) {
        return `${has}, and no relay was offered to either: GET /api/v1/relays says which relays there are.`
      }
      return `${has}. Relays offered to the client: ${namesOf(ofClient)}; to the gateway: ${namesOf(ofGateway)}.`
    })

const namesOf = (relays: readonly OfferedRelay[]): string =>
  relays.length === 0 ? 'none' : relays.map(({ name }) => name).join(', ')
