import type { Authorization } from '../store/entities.ts'
import type { Grant } from './grants.ts'

/**
 * Authorizations whose gateways have not joined at this process. Another process is responsible for them, or nobody
 * until the gateway joins; this one neither judges nor writes them.
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

  /**
   * Adds an authorization from its row, as after a start: it is unknown which version of the resource its gateway has.
   */
  putRow(row: Authorization): void {
    this.put({
      row,
      isAcknowledged: true,
      isRecorded: true,
      isAwaited: false,
      heldCandidates: [],
      expiry: undefined,
      sentResource: undefined,
    })
  }

  remove(id: string): void {
    const grant = this.#byId.get(id)
    if (grant === undefined) return
    this.#byId.delete(id)
    const grants = this.#byGateway.get(grant.row.gatewayId)
    grants?.delete(id)
    if (grants?.size === 0) this.#byGateway.delete(grant.row.gatewayId)
  }

  /** Removes and returns all grants of a gateway, the oldest first. */
  take(gatewayId: string): Grant[] {
    const grants = [...(this.#byGateway.get(gatewayId)?.values() ?? [])]
    for (const { row } of grants) this.remove(row.id)
    return grants.toSorted((a, b) => a.row.createdAt - b.row.createdAt)
  }

  /** Replaces all dormant grants with those of these rows. */
  replace(rows: readonly Authorization[]): void {
    const wanted = new Map(rows.map((row) => [row.id, row]))
    for (const id of this.#byId.keys()) if (!wanted.delete(id)) this.remove(id)
    for (const row of wanted.values()) this.putRow(row)
  }
}
