import { flowResource } from '../../core/control/flow-resource.ts'
import type { ClientResource, DenialDetail } from '../../core/control/messages.ts'
import type { NamedResource } from '../../core/dns/resource-names.ts'
import type { FlowResource } from '../../core/flow/flow-resource.ts'
import type { PathSearch } from '../../core/ice/path-search.ts'
import { after, MINUTE, type Instant } from '../../core/runtime/time.ts'
import type { ResourceStatus } from './session/client-status.ts'
import { denialText } from './session/denial-text.ts'
import { unreachableText } from './session/unreachable-text.ts'

interface Entry {
  resource: ClientResource
  /** Whether the portal has been asked and has not answered yet. */
  isAwaited: boolean
  state: ResourceStatus['state']
  gatewayId: string | null
  reason: string | null
  why: readonly string[]
  /** Whether the portal's latest answer was a denial of any kind. */
  isDenied: boolean
  /** Time at which the resource was last found unreachable. */
  unreachableAt: Instant | undefined
}

/** Time for which a resource is shown as unreachable after the last attempt. */
const SHOWN_MS = 1 * MINUTE

/** Denial of a resource by the portal. */
export interface Denial {
  reason: string
  details?: readonly DenialDetail[] | undefined
  /** Limit of the portal that was reached, as a clause. */
  limit?: string | undefined
  now: Instant
}

/** Failure to reach a resource. */
export interface Failure {
  /** Code of the reason. */
  reason: string
  /** Name of the gateway that was not reached. */
  gateway?: string | undefined
  /** Search for a path to it. */
  search?: PathSearch | undefined
  now: Instant
}

/** Resources that this client may request, with the state of the latest request for each. */
export class ResourceTable {
  readonly #entries = new Map<string, Entry>()

  /** Replaces the list of resources; those that stay keep their state. */
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

  /** Removes a resource. Returns whether it was there. */
  remove(id: string): boolean {
    return this.#entries.delete(id)
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  /** Returns the id of the gateway that serves a resource, if any. */
  gatewayOf(id: string): string | undefined {
    const entry = this.#entries.get(id)
    return entry?.state === 'connected' ? (entry.gatewayId ?? undefined) : undefined
  }

  /** Whether the latest request for a resource was denied. */
  isDenied(id: string): boolean {
    return this.#entries.get(id)?.isDenied === true
  }

  /**
   * Notes that the portal has granted a resource. Returns whether an answer was awaited. The answer counts even if a
   * lost gateway was reached again meanwhile, since the portal has moved the resource to another.
   */
  takeAnswer(id: string): boolean {
    const entry = this.#entries.get(id)
    if (entry?.isAwaited !== true) return false
    entry.isAwaited = false
    return true
  }

  /** Notes a request to the portal. An unreachable resource stays so until the outcome is known. */
  requested(id: string): void {
    if (this.#isStuck(id)) this.#set(id, { isAwaited: true })
    else this.#set(id, { state: 'requested', isAwaited: true, gatewayId: null, reason: null, why: [] })
  }

  /** Notes that a gateway was granted that packets do not reach yet. */
  connecting(id: string, gatewayId: string): void {
    if (this.#isStuck(id)) this.#set(id, { gatewayId, isDenied: false })
    else this.#set(id, { state: 'connecting', gatewayId, reason: null, why: [], isDenied: false })
  }

  /** Notes that packets reach the resource's gateway. */
  connected(id: string, gatewayId: string): void {
    this.#set(id, { state: 'connected', gatewayId, reason: null, why: [], isDenied: false })
  }

  denied(id: string, { reason, details, limit, now }: Denial): void {
    this.#set(id, { isAwaited: false, isDenied: true })
    // `offline` (no gateway is connected) is not a decision on access, and tells less than a known problem with a
    // gateway's path.
    if (reason !== 'offline')
      this.#set(id, { state: 'denied', gatewayId: null, reason, why: denialText(reason, details, limit) })
    else if (this.#isStuck(id)) this.#set(id, { unreachableAt: now })
    else this.unreachable(id, { reason, now })
  }

  /** Notes that packets do not reach the resource, with the reason. */
  unreachable(id: string, { reason, gateway, search, now }: Failure): void {
    const why = unreachableText(reason, gateway, search)
    this.#set(id, { state: 'unreachable', gatewayId: null, reason, why, unreachableAt: now })
  }

  /** Notes that no gateway serves the resource. */
  disconnected(id: string, reason: string): void {
    this.#set(id, { state: 'idle', gatewayId: null, reason, why: [] })
  }

  /** Notes that the portal is reached again, so that resources can be requested. */
  portalIsBack(): void {
    for (const [id, { reason }] of this.#entries)
      if (reason === 'portal-unreachable') this.#set(id, { state: 'idle', reason: null, why: [] })
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

  /** Returns the prefixes that CIDR and Internet resources route into the tunnel. */
  prefixes(): string[] {
    return [...this.#entries.values()].flatMap(({ resource }) => {
      if (resource.type === 'cidr') return [resource.address]
      return resource.type === 'internet' ? ['0.0.0.0/0', '::/0'] : []
    })
  }

  /** Returns the state of all resources for people. */
  status(now: Instant): ResourceStatus[] {
    return [...this.#entries.values()].map(({ resource, state, gatewayId, reason, why, unreachableAt = now }) => ({
      id: resource.id,
      name: resource.name ?? 'Internet',
      address: resource.type === 'internet' ? null : resource.address,
      state: state === 'unreachable' && now >= after(unreachableAt, SHOWN_MS) ? 'idle' : state,
      gateway_id: gatewayId,
      reason,
      why: [...why],
    }))
  }

  /**
   * Whether no path was found; the resource then stays unreachable until another attempt has ended. A lost gateway does
   * not count.
   */
  #isStuck(id: string): boolean {
    const entry = this.#entries.get(id)
    return entry?.state === 'unreachable' && entry.reason !== 'gateway-unreachable'
  }

  #set(id: string, change: Partial<Omit<Entry, 'resource'>>): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) Object.assign(entry, change)
  }
}

const IDLE = {
  state: 'idle',
  isAwaited: false,
  gatewayId: null,
  reason: null,
  why: [],
  isDenied: false,
  unreachableAt: undefined,
} as const
