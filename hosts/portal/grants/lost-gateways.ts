// Released clients need 20 s to leave a gateway that was killed, and 6 s if its candidates are invalidated. The portal
// must not do that to a gateway that serves its clients and has only lost its portal (H3). So it takes a gateway for dead
// if all of this holds: the connection was ended by the gateway's side, which a network that swallows packets does not do;
// the gateway is not back within a second, in which every released gateway tries again; and it answers none of the
// connectivity checks that the portal sends to its candidates meanwhile, with credentials of its clients.
import { parseCandidate } from '../../../core/ice/candidate.ts'
import { FEATURES } from '../../../core/control/messages.ts'
import { iceCredentials } from '../../../core/crypto/pair-secrets.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import type { View } from '../decide/view.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { ClientConnection } from './connections.ts'
import type { GatewayCheck } from './gateway-check.ts'
import type { Grants } from './grants.ts'
import type { Emit } from './portal-output.ts'
import type { ToldCandidates } from './told-candidates.ts'

export interface LostGatewaysNeeds {
  view: Pick<View, 'get'>
  grants: Grants
  peers: ConnectedPeers
  agenda: Agenda
  toldCandidates: ToldCandidates
  emit: Emit
}

/** Time for a gateway to come back or to answer a check. */
const PATIENCE_MS = SECOND
/** Delay of the end of that time from which on the portal itself was too busy to hear an answer. */
const LATE_MS = 200
/** Checks sent at most, to the first candidates in the names of the newest clients. */
const MAX_CHECKS = 32
const MAX_ENDPOINTS = 8

/** Tells released clients which of their gateways are dead, by invalidating the gateways' candidates. */
export class LostGateways {
  readonly #needs: LostGatewaysNeeds
  readonly #doubts = new Map<string, Appointment>()
  /** Candidates that clients were told to drop of gateways that were taken for dead, by gateway and client. */
  readonly #dropped = new Map<string, Map<string, readonly string[]>>()

  constructor(needs: LostGatewaysNeeds) {
    this.#needs = needs
  }

  /** Begins to doubt a gateway whose side has ended its connection. */
  ended(gatewayId: string, now: Instant): void {
    this.#tellOwn(gatewayId)
    // A client that comes to the portal later may have lost its connection to the same fault, such as a proxy's.
    const witnesses = this.#clientsToTell(gatewayId)
    if (witnesses.length === 0) return
    this.relieved(gatewayId)
    const checks = this.#checks(gatewayId, this.#needs.toldCandidates.of(gatewayId))
    if (checks.length > 0) this.#needs.emit({ type: 'checkGateway', gatewayId, checks })
    this.#declareAt(after(now, PATIENCE_MS), { gatewayId, witnesses })
  }

  /** Tells clients that find out by themselves whether the gateway is dead, by its path. */
  #tellOwn(gatewayId: string): void {
    const { grants, peers } = this.#needs
    for (const clientId of new Set(grants.ofGateway(gatewayId).map(({ row }) => row.clientId))) {
      const client = peers.client(clientId)
      if (client?.features.has(FEATURES.gatewayGone) !== true) continue
      peers.tell(client, { event: 'gatewayGone', payload: { gateway_id: gatewayId } })
    }
  }

  /** Ends the doubt about a gateway. */
  relieved(gatewayId: string): void {
    this.#needs.agenda.cancel(this.#doubts.get(gatewayId))
    this.#doubts.delete(gatewayId)
  }

  /**
   * Ends the doubt about a gateway that is connected again. One that was taken for dead is checked: it was started anew, or
   * was not dead.
   */
  returned(gatewayId: string): void {
    this.relieved(gatewayId)
    const checks = this.#checks(gatewayId, this.#dropped.get(gatewayId) ?? new Map())
    if (checks.length > 0) this.#needs.emit({ type: 'checkGateway', gatewayId, checks })
  }

  /**
   * Takes a gateway's answer to a check. Clients that were told to drop the candidates of one that lives keep their tunnel, by
   * its own checks of them: they are told the candidates again, and so can be told to leave it once it is dead indeed.
   */
  answered(gatewayId: string): void {
    const { peers, toldCandidates, grants } = this.#needs
    this.relieved(gatewayId)
    for (const [clientId, candidates] of this.#dropped.get(gatewayId) ?? []) {
      const client = peers.client(clientId)
      if (client === undefined || grants.ties({ clientId, gatewayId }) === 'none') continue
      toldCandidates.note('iceCandidates', { gatewayId, clientId, candidates })
      peers.tell(client, { event: 'iceCandidates', payload: { gateway_id: gatewayId, candidates: [...candidates] } })
    }
    this.#dropped.delete(gatewayId)
  }

  /** Tells clients at once to leave a gateway whose public key has changed: its process was started anew. */
  restarted(gatewayId: string): void {
    this.relieved(gatewayId)
    for (const client of this.#clientsToTell(gatewayId)) this.#invalidate(gatewayId, client)
    this.#needs.toldCandidates.forget(gatewayId)
    this.#dropped.delete(gatewayId)
  }

  /** Tells a client that is about to lose all its grants at a gateway to leave it, if it is a released one. */
  abandoned(gatewayId: string, client: ClientConnection): void {
    if (client.product === 'released') this.#invalidate(gatewayId, client)
  }

  #declareAt(at: Instant, doubt: { gatewayId: string; witnesses: readonly ClientConnection[] }): void {
    const { gatewayId, witnesses } = doubt
    const declare = (now: Instant): void => {
      // A process that was kept from running until now has not read yet what came meanwhile.
      if (now > after(at, LATE_MS)) return this.#declareAt(after(now, PATIENCE_MS), doubt)
      this.#doubts.delete(gatewayId)
      const connected = new Set(this.#clientsToTell(gatewayId))
      const told = this.#needs.toldCandidates.of(gatewayId)
      const dropped = new Map<string, readonly string[]>()
      for (const client of witnesses) {
        if (!connected.has(client)) continue
        dropped.set(client.peerId, told.get(client.peerId) ?? [])
        this.#invalidate(gatewayId, client)
      }
      this.#dropped.set(gatewayId, dropped)
    }
    this.#doubts.set(gatewayId, this.#needs.agenda.add(at, 'a gateway is gone', declare))
  }

  /** Connected clients that were told candidates. Portreeve's own find a dead gateway sooner, and surely. */
  #clientsToTell(gatewayId: string): ClientConnection[] {
    return [...this.#needs.toldCandidates.of(gatewayId).keys()].flatMap((clientId) => {
      const client = this.#needs.peers.client(clientId)
      return client?.product === 'released' ? [client] : []
    })
  }

  #invalidate(gatewayId: string, client: ClientConnection): void {
    const { toldCandidates, peers } = this.#needs
    const candidates = [...(toldCandidates.of(gatewayId).get(client.peerId) ?? [])]
    toldCandidates.forget(gatewayId, client.peerId)
    if (candidates.length === 0) return
    peers.tell(client, { event: 'invalidateIceCandidates', payload: { gateway_id: gatewayId, candidates } })
  }

  #checks(gatewayId: string, told: ReadonlyMap<string, readonly string[]>): GatewayCheck[] {
    const { view } = this.#needs
    const endpoints = reachable([...told.values()].flat())
    const gateway = view.get('gateways', gatewayId)
    if (gateway === undefined) return []
    const pairs = [...told.keys()].toReversed().flatMap((clientId) => {
      const client = view.get('clients', clientId)
      return client === undefined ? [] : [iceCredentials({ client, gateway })]
    })
    return pairs.flatMap((pair) => endpoints.map((endpoint) => ({ endpoint, ...pair }))).slice(0, MAX_CHECKS)
  }
}

/** Returns the endpoints of candidates at which a gateway itself answers: those at relays are not among them. */
const reachable = (candidates: readonly string[]): Endpoint[] => {
  const endpoints = candidates.flatMap((text) => {
    const candidate = parseCandidate(text)
    return candidate === undefined || candidate.type === 'relay' ? [] : [candidate.endpoint]
  })
  return [...new Set(endpoints)].slice(0, MAX_ENDPOINTS)
}
