import type { View } from '../decide/view.ts'
import { signedRef } from '../wire/opaque-ref.ts'
import { createAuthorization, type GrantParts } from '../wire/wire-grant.ts'
import { gatewayResource } from '../wire/wire-resource.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { Grant, Grants } from './grants.ts'

export interface GatewayNewsNeeds {
  view: View
  grants: Grants
  peers: ConnectedPeers
  /** Signs what a gateway hands back when it acknowledges a grant. */
  refKey: Uint8Array
  /** Signs the tokens of flow logs. */
  ingestKey: Uint8Array
}

/** Tells gateways what they are granted, and how the resources of their grants change. */
export class GatewayNews {
  readonly #needs: GatewayNewsNeeds

  constructor(needs: GatewayNewsNeeds) {
    this.#needs = needs
  }

  /** Tells a gateway of a grant, which it then acknowledges. */
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
    grant.told = isTold ? JSON.stringify(gatewayResource(parts.resource)) : undefined
  }

  /** Tells a gateway of the resources that it serves and that are not as it knows them. */
  tellResources(gatewayId: string): void {
    for (const grant of this.#needs.grants.ofGateway(gatewayId)) this.tellResource(grant)
  }

  /** The same for one grant. Only filters may change while a grant stays. */
  tellResource(grant: Grant): void {
    const { view, grants } = this.#needs
    const { gatewayId, resourceId } = grant.row
    const resource = view.get('resources', resourceId)
    if (resource === undefined) return
    const payload = gatewayResource(resource)
    const text = JSON.stringify(payload)
    if (grant.told === text || !this.#needs.peers.tellGateway(gatewayId, { event: 'resourceUpdated', payload })) return
    for (const other of grants.ofGateway(gatewayId)) if (other.row.resourceId === resourceId) other.told = text
  }
}
