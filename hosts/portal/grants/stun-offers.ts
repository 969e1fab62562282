import { FEATURES, type Relay } from '../../../core/control/messages.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'
import { uuid, type Random } from '../../../core/runtime/random.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import { isClient, isGateway, type Connection } from './connections.ts'

export interface StunOffersNeeds {
  peers: ConnectedPeers
  random: Random
}

/**
 * Tells peers at which endpoints the portal's STUN server is reached. Only those with `FEATURES.stun` are told: released
 * peers take no candidates from an entry of this type, and end a connection over a list that they do not like.
 */
export class StunOffers {
  readonly #needs: StunOffersNeeds
  /** Id of the server, which all its endpoints share. */
  #id = ''
  #servers: readonly Endpoint[] = []

  constructor(needs: StunOffersNeeds) {
    this.#needs = needs
  }

  /** Tells all peers about changed endpoints. */
  changed(servers: readonly Endpoint[]): void {
    if (this.#id === '') this.#id = uuid(this.#needs.random)
    this.#servers = servers
    for (const connection of this.#needs.peers.all()) if (connection.isJoined) this.#tell(connection)
  }

  /** Tells a peer that has just announced its features. */
  learned(connection: Connection): void {
    if (this.#servers.length > 0) this.#tell(connection)
  }

  #tell(connection: Connection): void {
    if (!connection.features.has(FEATURES.stun)) return
    const { peers } = this.#needs
    const connected = this.#servers.map((addr): Relay => ({ type: 'stun', id: this.#id, addr }))
    const message = { event: 'relaysPresence' as const, payload: { disconnected_ids: [this.#id], connected } }
    if (isClient(connection)) peers.tell(connection, message)
    else if (isGateway(connection)) peers.tell(connection, message)
  }
}
