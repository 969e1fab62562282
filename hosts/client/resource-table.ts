import { flowResource } from '../../core/control/flow-resource.ts'
import type { ClientResource, DenialDetail } from '../../core/control/messages.ts'
import type { NamedResource } from '../../core/dns/resource-names.ts'
import type { FlowResource } from '../../core/flow/flow-resource.ts'
import { after, MINUTE, type Instant } from '../../core/runtime/time.ts'
import type { ResourceStatus } from './session/client-status.ts'
import { denialText } from './session/denial-text.ts'
import { unreachableText } from './session/unreachable-text.ts'

interface Entry {
  resource: ClientResource
  /** The portal has been asked and has not answered yet. */
  isAwaited: boolean
  state: ResourceStatus['state']
  gatewayId: string | null
  reason: string | null
  why: readonly string[]
  /** The portal's latest answer was a no, of whatever kind. */
  isDenied: boolean
  /** When it was found unreachable last. */
  unreachableAt: Instant | undefined
}

/** How long a resource that nobody asks for any more is shown as unreachable. */
const SHOWN_MS = 1 * MINUTE

/** A portal's answer that a resource is not granted. */
export interface Denial {
  reason: string
  details?: readonly DenialDetail[] | undefined
  /** The bound of the portal that is reached, a clause. */
  limit?: string | undefined
  now: Instant
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
    return this.#entries.get(id)?.isDenied === true
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

  /** Asked for; what was unreachable is shown so until it is known to be otherwise. */
  requested(id: string): void {
    if (this.#isStuck(id)) this.#set(id, { isAwaited: true })
    else this.#set(id, { state: 'requested', isAwaited: true, gatewayId: null, reason: null, why: [] })
  }

  /** Granted at a gateway that packets do not reach yet. */
  connecting(id: string, gatewayId: string): void {
    if (this.#isStuck(id)) this.#set(id, { gatewayId, isDenied: false })
    else this.#set(id, { state: 'connecting', gatewayId, reason: null, why: [], isDenied: false })
  }

  /** Packets reach the gateway. */
  connected(id: string, gatewayId: string): void {
    this.#set(id, { state: 'connected', gatewayId, reason: null, why: [], isDenied: false })
  }

  denied(id: string, { reason, details, limit, now }: Denial): void {
    this.#set(id, { isAwaited: false, isDenied: true })
    // No gateway is there: that is no decision about the person, and less than what was found out about the way to one.
    if (reason !== 'offline')
      this.#set(id, { state: 'denied', gatewayId: null, reason, why: denialText(reason, details, limit) })
    else if (this.#isStuck(id)) this.#set(id, { unreachableAt: now })
    else this.unreachable(id, { reason, now })
  }

  /** Packets do not reach it, for a reason of the way there. */
  unreachable(
    id: string,
    { reason, gateway, now }: { reason: string; gateway?: string | undefined; now: Instant },
  ): void {
    const why = unreachableText(reason, gateway)
    this.#set(id, { state: 'unreachable', gatewayId: null, reason, why, unreachableAt: now })
  }

  /** What a gateway served is served by nobody. */
  disconnected(id: string, reason: string): void {
    this.#set(id, { state: 'idle', gatewayId: null, reason, why: [] })
  }

  /** The portal can be asked again. */
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

  /** What of the network is reached through the tunnel, beside names. */
  prefixes(): string[] {
    return [...this.#entries.values()].flatMap(({ resource }) => {
      if (resource.type === 'cidr') return [resource.address]
      return resource.type === 'internet' ? ['0.0.0.0/0', '::/0'] : []
    })
  }

  /** As people see it at a moment. */
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

  /** Whether no way was found, which is so until another attempt has ended. A gateway that fell silent is replaced within a moment. */
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
