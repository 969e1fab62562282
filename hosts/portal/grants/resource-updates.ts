import type { ClientResource } from '../../../core/control/messages.ts'
import type { View } from '../decide/view.ts'
import { clientResource } from '../wire/wire-resource.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import type { ClientConnection } from './connections.ts'

export interface ResourceUpdatesNeeds {
  view: View
  peers: ConnectedPeers
}

/** Tells clients of the resources that exist for them: those that a policy grants to one of their groups (P10). */
export class ResourceUpdates {
  readonly #needs: ResourceUpdatesNeeds

  constructor(needs: ResourceUpdatesNeeds) {
    this.#needs = needs
  }

  /** Returns all resources of a client, for its `init`. */
  all(connection: ClientConnection): ClientResource[] {
    const resources = this.#visible(connection)
    connection.sentResources = new Map(resources.map((resource) => [resource.id, JSON.stringify(resource)]))
    return resources
  }

  /**
   * Sends a client the changes of its resources since the last message: first new and changed ones, then removed ones.
   */
  refresh(connection: ClientConnection): void {
    const { sentResources } = connection
    const gone = new Set(sentResources.keys())
    for (const resource of this.#visible(connection)) {
      gone.delete(resource.id)
      const text = JSON.stringify(resource)
      if (sentResources.get(resource.id) === text) continue
      sentResources.set(resource.id, text)
      this.#needs.peers.tell(connection, { event: 'resourceCreatedOrUpdated', payload: resource })
    }
    for (const id of gone) {
      sentResources.delete(id)
      this.#needs.peers.tell(connection, { event: 'resourceDeleted', payload: id })
    }
  }

  #visible({ peerId }: ClientConnection): ClientResource[] {
    const { view } = this.#needs
    const actorId = view.get('clients', peerId)?.actorId
    if (actorId === undefined) return []
    const visible: ClientResource[] = []
    for (const id of view.policies.resourcesOf(view.groupsOf(actorId))) {
      const resource = view.get('resources', id)
      const site = resource === undefined ? undefined : view.get('sites', resource.siteId)
      if (resource !== undefined && site !== undefined) visible.push(clientResource(resource, site))
    }
    return visible
  }
}
