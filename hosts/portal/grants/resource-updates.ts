import type { ClientResource } from '../../../core/control/messages.ts'
import type { View } from '../decide/view.ts'
import type { Resource, Site } from '../store/entities.ts'
import { clientResource } from '../wire/wire-resource.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { ClientConnection } from './connections.ts'

export interface ResourceUpdatesNeeds {
  view: View
  peers: ConnectedPeers
}

/** Description of a resource for clients, and as JSON. */
interface Described {
  site: Site
  payload: ClientResource
  text: string
}

/** Tells clients of the resources that exist for them: those that a policy grants to one of their groups (P10). */
export class ResourceUpdates {
  readonly #needs: ResourceUpdatesNeeds
  /** Descriptions by the rows that they are made of, so that all clients' lists share one text of each. */
  readonly #described = new WeakMap<Resource, Described>()

  constructor(needs: ResourceUpdatesNeeds) {
    this.#needs = needs
  }

  /** Returns all resources of a client, for its `init`. */
  all(connection: ClientConnection): ClientResource[] {
    const { view } = this.#needs
    const actorId = view.get('clients', connection.peerId)?.actorId
    const ids = actorId === undefined ? [] : view.policies.resourcesOf(view.groupsOf(actorId))
    const resources: ClientResource[] = []
    connection.sentResources = new Map()
    for (const id of ids) {
      const described = this.#describe(id)
      if (described === undefined) continue
      resources.push(described.payload)
      connection.sentResources.set(id, described.text)
    }
    return resources
  }

  /**
   * Sends a client what has changed of some resources since the last message: first new and changed ones, then removed
   * ones.
   */
  refresh(connection: ClientConnection, resourceIds: Iterable<string>): void {
    const { view, peers } = this.#needs
    const { sentResources } = connection
    const actorId = view.get('clients', connection.peerId)?.actorId
    const gone: string[] = []
    for (const id of resourceIds) {
      const described = actorId !== undefined && this.#isVisible(id, actorId) ? this.#describe(id) : undefined
      const sent = sentResources.get(id)
      if (described === undefined && sent !== undefined) gone.push(id)
      if (described === undefined || sent === described.text) continue
      sentResources.set(id, described.text)
      peers.tell(connection, { event: 'resourceCreatedOrUpdated', payload: described.payload })
    }
    for (const id of gone) {
      sentResources.delete(id)
      peers.tell(connection, { event: 'resourceDeleted', payload: id })
    }
  }

  #isVisible(resourceId: string, actorId: string): boolean {
    const groups = this.#needs.view.groupsOf(actorId)
    for (const groupId of this.#needs.view.policies.groupsOf(resourceId)) if (groups.has(groupId)) return true
    return false
  }

  #describe(id: string): Described | undefined {
    const { view } = this.#needs
    const resource = view.get('resources', id)
    const site = resource === undefined ? undefined : view.get('sites', resource.siteId)
    if (resource === undefined || site === undefined) return undefined
    const known = this.#described.get(resource)
    if (known?.site === site) return known
    const payload = clientResource(resource, site)
    const described = { site, payload, text: JSON.stringify(payload) }
    this.#described.set(resource, described)
    return described
  }
}
