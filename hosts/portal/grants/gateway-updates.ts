import type { View } from '../decide/view.ts'
import { signedRef } from '../wire/opaque-ref.ts'
import { createAuthorization, type GrantParts } from '../wire/wire-grant.ts'
import { gatewayResource } from '../wire/wire-resource.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { Grant, Grants } from './grants.ts'

export interface GatewayUpdatesNeeds {
  view: View
  grants: Grants
  peers: ConnectedPeers
  /** Signs the references with which gateways acknowledge grants. */
  refKey: Uint8Array
  /** Signs ingest tokens of flow logs. */
  ingestKey: Uint8Array
}

/** Tells gateways of grants, and of changes of the granted resources. */
export class GatewayUpdates {
  readonly #needs: GatewayUpdatesNeeds

  constructor(needs: GatewayUpdatesNeeds) {
    this.#needs = needs
  }

  /** Sends a grant to its gateway, which then acknowledges it. */
  tellGrant(grant: Grant, parts: GrantParts): void {
    const { peers, refKey, ingestKey } = this.#needs
    const ref = signedRef('grant', grant.row.id, refKey)
    const isTold = peers.tellGateway(grant.row.gatewayId, {
      event: 'createAuthorization',
      payload: createAuthorization(parts, {
        ref,
        ingestKey,
        features: peers.gateway(grant.row.gatewayId)?.features,
      }),
    })
    grant.sentResource = isTold ? JSON.stringify(gatewayResource(parts.resource)) : undefined
  }

  /** Sends a gateway the resources that it serves and whose present version it does not have. */
  tellResources(gatewayId: string): void {
    for (const grant of this.#needs.grants.ofGateway(gatewayId)) this.tellResource(grant)
  }

  /** Sends the resource of one grant to its gateway, if changed. Only filters can change while a grant stays. */
  tellResource(grant: Grant): void {
    const { view, grants } = this.#needs
    const { gatewayId, resourceId } = grant.row
    const resource = view.get('resources', resourceId)
    if (resource === undefined) return
    const payload = gatewayResource(resource)
    const text = JSON.stringify(payload)
    if (grant.sentResource === text || !this.#needs.peers.tellGateway(gatewayId, { event: 'resourceUpdated', payload }))
      return
    for (const other of grants.ofGateway(gatewayId)) if (other.row.resourceId === resourceId) other.sentResource = text
  }
}
