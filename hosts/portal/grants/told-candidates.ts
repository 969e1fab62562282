import type { Grants } from './grants.ts'

/** Candidates of one gateway that a client keeps at most. */
const MAX_PER_CLIENT = 64
/** Clients without a grant that may pile up at a gateway before they are looked for. */
const SLACK = 64

/** Gateways' ICE candidates that clients were told and have not been told to drop, by gateway and client. */
export class ToldCandidates {
  readonly #grants: Pick<Grants, 'clientsOn' | 'ties'>
  readonly #told = new Map<string, Map<string, Set<string>>>()

  constructor({ grants }: { grants: Pick<Grants, 'clientsOn' | 'ties'> }) {
    this.#grants = grants
  }

  /** Notes candidates that a client was sent in a message, or was told to drop. */
  note(
    event: 'iceCandidates' | 'invalidateIceCandidates',
    { gatewayId, clientId, candidates }: { gatewayId: string; clientId: string; candidates: readonly string[] },
  ): void {
    const clients = this.#told.get(gatewayId) ?? new Map<string, Set<string>>()
    const told = clients.get(clientId) ?? new Set<string>()
    for (const candidate of candidates) {
      if (event === 'invalidateIceCandidates') told.delete(candidate)
      else if (told.size < MAX_PER_CLIENT) told.add(candidate)
    }
    if (told.size === 0) clients.delete(clientId)
    else clients.set(clientId, told)
    if (clients.size === 0) this.#told.delete(gatewayId)
    else this.#told.set(gatewayId, clients)
    if (clients.size > SLACK + 2 * this.#grants.clientsOn(gatewayId)) this.#sweep(gatewayId, clients)
  }

  /** Returns a gateway's candidates by client, without clients that no grant ties to it. */
  of(gatewayId: string): ReadonlyMap<string, readonly string[]> {
    const clients = this.#told.get(gatewayId)
    if (clients === undefined) return new Map()
    this.#sweep(gatewayId, clients)
    return new Map([...clients].map(([clientId, told]) => [clientId, [...told]]))
  }

  /** Forgets candidates of a gateway: of one client, or of all. */
  forget(gatewayId: string, clientId?: string): void {
    if (clientId === undefined) this.#told.delete(gatewayId)
    else this.#told.get(gatewayId)?.delete(clientId)
  }

  #sweep(gatewayId: string, clients: Map<string, Set<string>>): void {
    for (const clientId of clients.keys()) {
      if (this.#grants.ties({ clientId, gatewayId }) === 'none') clients.delete(clientId)
    }
  }
}
