import type { Authorization } from '../store/entities.ts'
import { MultiMap } from '../decide/multi-map.ts'
import type { Appointment } from './agenda.ts'

/** An authorization in force. */
export interface Grant {
  row: Authorization
  /** Whether the gateway has acknowledged the grant; only then it is stored. */
  isAcknowledged: boolean
  /** Whether it is stored; only then the client is told of it. */
  isRecorded: boolean
  /** Whether the gateway was asked to acknowledge it again, because the client asked for it again. */
  isAwaited: boolean
  /** Candidates from the gateway, held in order until the client is told of the grant. */
  heldCandidates: { event: 'iceCandidates' | 'invalidateIceCandidates'; candidates: string[] }[]
  expiry: Appointment | undefined
  /** Resource as last sent to its gateway, as JSON; undefined if unknown, as after a restart of the portal. */
  sentResource: string | undefined
}

/** Authorizations in force, indexed by the rows that they depend on. */
export class Grants {
  readonly #byId = new Map<string, Grant>()
  readonly #byClient = new MultiMap<string, Grant>()
  readonly #byGateway = new MultiMap<string, Grant>()
  readonly #byResource = new MultiMap<string, Grant>()
  readonly #byPolicy = new MultiMap<string, Grant>()
  readonly #byMembership = new MultiMap<string, Grant>()
  readonly #byToken = new MultiMap<string, Grant>()
  readonly #byAccount = new MultiMap<string, Grant>()
  readonly #byFact = new MultiMap<string, Grant>()
  /** Grants by client, resource and gateway. */
  readonly #byPlace = new MultiMap<string, Grant>()
  /** Number of grants of each client at a gateway, by gateway and then client. */
  readonly #clientsOn = new Map<string, Map<string, number>>()

  add(grant: Grant): void {
    this.#byId.set(grant.row.id, grant)
    this.#relate(grant, 'add')
    this.#count(grant, 1)
  }

  remove(grant: Grant): void {
    if (!this.#byId.delete(grant.row.id)) return
    this.#relate(grant, 'delete')
    this.#count(grant, -1)
  }

  get(id: string): Grant | undefined {
    return this.#byId.get(id)
  }

  all(): IterableIterator<Grant> {
    return this.#byId.values()
  }

  get size(): number {
    return this.#byId.size
  }

  ofClient(id: string): readonly Grant[] {
    return [...this.#byClient.get(id)]
  }

  ofGateway(id: string): readonly Grant[] {
    return [...this.#byGateway.get(id)]
  }

  ofResource(id: string): readonly Grant[] {
    return [...this.#byResource.get(id)]
  }

  ofPolicy(id: string): readonly Grant[] {
    return [...this.#byPolicy.get(id)]
  }

  ofMembership(id: string): readonly Grant[] {
    return [...this.#byMembership.get(id)]
  }

  /** Returns the grants whose conditions read a fact. */
  ofFact(name: string): readonly Grant[] {
    return [...this.#byFact.get(name)]
  }

  ofToken(id: string): readonly Grant[] {
    return [...this.#byToken.get(id)]
  }

  /** Returns the number of grants of a client, at a gateway, or in an account. */
  count(of: { clientId: string } | { gatewayId: string } | { accountId: string }): number {
    if ('clientId' in of) return this.#byClient.get(of.clientId).size
    return ('gatewayId' in of ? this.#byGateway.get(of.gatewayId) : this.#byAccount.get(of.accountId)).size
  }

  /** Returns the grant of a client for a resource at a gateway. */
  find({
    clientId,
    resourceId,
    gatewayId,
  }: Pick<Authorization, 'clientId' | 'resourceId' | 'gatewayId'>): Grant | undefined {
    const [first] = this.#byPlace.get(placeOf({ clientId, resourceId, gatewayId }))
    return first
  }

  /** Returns the number of clients that hold grants at a gateway. */
  clientsOn(gatewayId: string): number {
    return this.#clientsOn.get(gatewayId)?.size ?? 0
  }

  /** Returns whether a client and a gateway share a grant that the client was told of, only pending ones, or none. */
  ties({ clientId, gatewayId }: { clientId: string; gatewayId: string }): 'told' | 'pending' | 'none' {
    let found: 'pending' | 'none' = 'none'
    for (const { row, isRecorded, isAwaited } of this.#byClient.get(clientId)) {
      if (row.gatewayId !== gatewayId) continue
      if (isRecorded && !isAwaited) return 'told'
      found = 'pending'
    }
    return found
  }

  #count({ row: { clientId, gatewayId } }: Grant, by: 1 | -1): void {
    const clients = this.#clientsOn.get(gatewayId) ?? new Map<string, number>()
    const grants = (clients.get(clientId) ?? 0) + by
    if (grants === 0) clients.delete(clientId)
    else clients.set(clientId, grants)
    if (clients.size === 0) this.#clientsOn.delete(gatewayId)
    else this.#clientsOn.set(gatewayId, clients)
  }

  #relate(grant: Grant, verb: 'add' | 'delete'): void {
    const { row } = grant
    this.#byClient[verb](row.clientId, grant)
    this.#byPlace[verb](placeOf(row), grant)
    this.#byGateway[verb](row.gatewayId, grant)
    this.#byResource[verb](row.resourceId, grant)
    this.#byPolicy[verb](row.policyId, grant)
    this.#byMembership[verb](row.membershipId, grant)
    this.#byToken[verb](row.tokenId, grant)
    this.#byAccount[verb](row.accountId, grant)
    for (const name of factsRead(grant)) this.#byFact[verb](name, grant)
  }
}

const placeOf = ({
  clientId,
  resourceId,
  gatewayId,
}: Pick<Authorization, 'clientId' | 'resourceId' | 'gatewayId'>): string => `${clientId}:${resourceId}:${gatewayId}`

/** Returns the names of the facts that the conditions of a grant read. */
export const factsRead = ({ row }: Grant): ReadonlySet<string> =>
  new Set((row.decision?.conditions ?? []).flatMap(({ reads }) => reads))
