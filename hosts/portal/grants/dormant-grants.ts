import type { Authorization } from '../store/entities.ts'
import type { Grant } from './grants.ts'

/**
 * Authorizations at gateways that have not joined at this process, or went to another one: it neither judges nor writes them. Their
 * rows are another process's, or nobody's until the gateway comes.
 */
export class DormantGrants {
  readonly #byId = new Map<string, Grant>()
  readonly #byGateway = new Map<string, Map<string, Grant>>()

  put(grant: Grant): void {
    const { id, gatewayId } = grant.row
    const grants = this.#byGateway.get(gatewayId) ?? new Map<string, Grant>()
    this.#byGateway.set(gatewayId, grants.set(id, grant))
    this.#byId.set(id, grant)
  }

  /** As it is after a start: nobody knows what its gateway was told of the resource. */
  putRow(row: Authorization): void {
    this.put({ row, isAcknowledged: true, isAwaited: false, held: [], expiry: undefined, told: undefined })
  }

  remove(id: string): void {
    const grant = this.#byId.get(id)
    if (grant === undefined) return
    this.#byId.delete(id)
    const grants = this.#byGateway.get(grant.row.gatewayId)
    grants?.delete(id)
    if (grants?.size === 0) this.#byGateway.delete(grant.row.gatewayId)
  }

  /** All of a gateway, the oldest first. They are not here afterwards. */
  take(gatewayId: string): Grant[] {
    const grants = [...(this.#byGateway.get(gatewayId)?.values() ?? [])]
    for (const { row } of grants) this.remove(row.id)
    return grants.toSorted((a, b) => a.row.createdAt - b.row.createdAt)
  }

  /** Those of these rows, and no others. */
  replace(rows: readonly Authorization[]): void {
    const standing = new Map(rows.map((row) => [row.id, row]))
    for (const id of this.#byId.keys()) if (!standing.delete(id)) this.remove(id)
    for (const row of standing.values()) this.putRow(row)
  }
}
