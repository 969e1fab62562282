import type { ClientResource, DenialDetail } from '../../core/control/messages.ts'
import { portFilters } from '../../core/control/port-filters.ts'
import type { NamedResource } from '../../core/dns/resource-names.ts'
import type { FlowResource } from '../../core/flow/flow-resource.ts'
import type { ResourceStatus } from './client-status.ts'
import { denialText } from './denial-text.ts'

interface Entry {
  resource: ClientResource
  /** The portal has been asked and has not answered yet. */
  isAwaited: boolean
  state: ResourceStatus['state']
  gatewayId: string | null
  reason: string | null
  why: readonly string[]
}

/** What this client may ask for, and how its latest request for each ended. */
export class ResourceTable {
  readonly #entries = new Map<string, Entry>()

  /** Everything there is; what is known of those that stay is kept. */
  replaceAll(resources: readonly ClientResource[]): void {
    const kept = new Set(resources.map(({ id }) => id))
    for (const id of this.#entries.keys()) if (!kept.has(id)) this.#entries.delete(id)
    for (const resource of resources) this.put(resource)
  }

  put(resource: ClientResource): void {
    const known = this.#entries.get(resource.id)
    if (known === undefined) this.#entries.set(resource.id, { resource, ...IDLE })
    else known.resource = resource
  }

  /** Whether it was there. */
  remove(id: string): boolean {
    return this.#entries.delete(id)
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  /** The gateway that serves it, if one does. */
  gatewayOf(id: string): string | undefined {
    const entry = this.#entries.get(id)
    return entry?.state === 'connected' ? (entry.gatewayId ?? undefined) : undefined
  }

  /** Whether the latest request for it was. */
  isDenied(id: string): boolean {
    return this.#entries.get(id)?.state === 'denied'
  }

  /**
   * Whether the portal's answer was waited for; from here on it is not. It counts also where a gateway that was lost has come back meanwhile:
   * the portal has given what it served to another one.
   */
  answered(id: string): boolean {
    const entry = this.#entries.get(id)
    if (entry?.isAwaited !== true) return false
    entry.isAwaited = false
    return true
  }

  requested(id: string): void {
    this.#set(id, { state: 'requested', isAwaited: true, gatewayId: null, reason: null, why: [] })
  }

  connected(id: string, gatewayId: string): void {
    this.#set(id, { state: 'connected', gatewayId, reason: null, why: [] })
  }

  denied(id: string, reason: string, details?: readonly DenialDetail[]): void {
    this.#set(id, { state: 'denied', isAwaited: false, gatewayId: null, reason, why: denialText(reason, details) })
  }

  /** What a gateway served is served by nobody. */
  disconnected(id: string, reason: string): void {
    this.#set(id, { state: 'idle', gatewayId: null, reason, why: [] })
  }

  forFlows(): FlowResource[] {
    return [...this.#entries.values()].map(({ resource }) => flowResource(resource))
  }

  forNames(): NamedResource[] {
    return [...this.#entries.values()].flatMap(({ resource }) =>
      resource.type === 'dns'
        ? [{ id: resource.id, address: resource.address, ipStack: resource.ip_stack ?? 'dual' }]
        : [],
    )
  }

  /** What of the network is reached through the tunnel, beside names. */
  prefixes(): string[] {
    return [...this.#entries.values()].flatMap(({ resource }) => {
      if (resource.type === 'cidr') return [resource.address]
      return resource.type === 'internet' ? ['0.0.0.0/0', '::/0'] : []
    })
  }

  status(): ResourceStatus[] {
    return [...this.#entries.values()].map(({ resource, state, gatewayId, reason, why }) => ({
      id: resource.id,
      name: resource.name ?? 'Internet',
      address: resource.type === 'internet' ? null : resource.address,
      state,
      gateway_id: gatewayId,
      reason,
      why: [...why],
    }))
  }

  #set(id: string, change: Omit<Entry, 'resource' | 'isAwaited'> & { isAwaited?: boolean }): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) Object.assign(entry, change)
  }
}

const IDLE = { state: 'idle', isAwaited: false, gatewayId: null, reason: null, why: [] } as const

const flowResource = (resource: ClientResource): FlowResource => {
  if (resource.type === 'internet') return { id: resource.id, type: 'internet', address: '', filters: [] }
  const { id, type, address, filters = [], ip_stack } = resource
  return {
    id,
    type,
    address,
    filters: portFilters(filters),
    ...(ip_stack === null || ip_stack === undefined ? {} : { ipStack: ip_stack }),
  }
}
