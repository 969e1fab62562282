import type { ConnectedPeers } from './connected-peers.ts'
import type { Grants } from './grants.ts'
import type { Drop } from './portal-output.ts'
import type { ToldCandidates } from './told-candidates.ts'

export interface IceCandidatesNeeds {
  grants: Grants
  peers: ConnectedPeers
  toldCandidates: Pick<ToldCandidates, 'note'>
  drop: Drop
}

type Event = 'iceCandidates' | 'invalidateIceCandidates'

/** Maximum of candidate messages held per grant until the client knows the gateway. */
const MAX_HELD_MESSAGES = 64

/**
 * Forwards ICE candidates, unchanged and in order, between clients and gateways that share a grant; drops all others.
 */
export class IceCandidates {
  readonly #needs: IceCandidatesNeeds

  constructor(needs: IceCandidatesNeeds) {
    this.#needs = needs
  }

  fromClient(
    clientId: string,
    event: Event,
    { gateway_id, candidates }: { gateway_id: string; candidates: string[] },
  ): void {
    const gatewayId = gateway_id.toLowerCase()
    const tie = this.#needs.grants.ties({ clientId, gatewayId })
    if (tie !== 'told') return this.#needs.drop('candidates-without-authorization')
    this.#needs.peers.tellGateway(gatewayId, { event, payload: { client_id: clientId, candidates } })
  }

  /** Forwards candidates that a client sends to several gateways at once, as clients of dialect v1 do. */
  broadcastFromClient(
    clientId: string,
    event: Event,
    { gateway_ids, candidates }: { gateway_ids: string[]; candidates: string[] },
  ): void {
    for (const gateway_id of new Set(gateway_ids.map((id) => id.toLowerCase()))) {
      this.fromClient(clientId, event, { gateway_id, candidates })
    }
  }

  /** Forwards candidates that came with a client's request to the gateway that has just been told of the grant. */
  withRequest(clientId: string, gatewayId: string, candidates: string[]): void {
    this.#needs.peers.tellGateway(gatewayId, { event: 'iceCandidates', payload: { client_id: clientId, candidates } })
  }

  fromGateway(
    gatewayId: string,
    event: Event,
    { client_ids, candidates }: { client_ids: string[]; candidates: string[] },
  ): void {
    for (const clientId of new Set(client_ids.map((id) => id.toLowerCase()))) {
      const tie = this.#needs.grants.ties({ clientId, gatewayId })
      if (tie === 'told') {
        if (this.#needs.peers.tellClient(clientId, { event, payload: { gateway_id: gatewayId, candidates } })) {
          this.#needs.toldCandidates.note(event, { gatewayId, clientId, candidates })
        }
      } else if (tie === 'pending') {
        // Held, because the client does not know the gateway yet and would drop them.
        for (const grant of this.#needs.grants.ofClient(clientId)) {
          if (grant.row.gatewayId === gatewayId && grant.heldCandidates.length < MAX_HELD_MESSAGES)
            grant.heldCandidates.push({ event, candidates })
        }
      } else {
        this.#needs.drop('candidates-without-authorization')
      }
    }
  }
}
