import { PacketView } from '../../net/packet-view.ts'
import { after, SECOND, type Instant } from '../../runtime/time.ts'
import type { AccessCause, ClientDrop } from './client-flows-messages.ts'
import type { ClientResource } from './client-routes.ts'
import { EarlyRequests } from './early-requests.ts'

/** Shortest interval between requests for access to one resource (wire §2). */
const REQUEST_INTERVAL_MS = 2 * SECOND

/**
 * Time for which packets are refused after no gateway could be reached: longer than the next attempt takes to fail, so
 * that applications never wait.
 */
export const UNREACHABLE_FOR_MS = 20 * SECOND

/** Effects of waiting packets, carried out by the packet engine. */
export interface AwaitedGrantsEffects {
  /** Requests access to a resource. */
  readonly request: (resourceId: string, cause: AccessCause) => void
  /** Decides again on a packet that has waited since `keptAt`. */
  readonly decide: (bytes: Uint8Array, now: Instant, keptAt: Instant) => void
  /** Answers a packet with ICMP host unreachable. */
  readonly refuse: (packet: PacketView, reason: 'authorization-failed' | 'no-path') => void
  /** Counts a dropped packet. */
  readonly count: (reason: ClientDrop) => void
}

/** Packets that wait until their resource is connected, and the requests for access that they cause. */
export class AwaitedGrants {
  readonly #effects: AwaitedGrantsEffects
  readonly #early = new EarlyRequests()
  readonly #packet = new PacketView()

  constructor(effects: AwaitedGrantsEffects) {
    this.#effects = effects
  }

  /** Requests access for a packet, and keeps the packet until then. */
  wait(packet: PacketView, resource: ClientResource, { now, keptAt }: { now: Instant; keptAt: Instant }): void {
    const { unreachableUntil } = resource
    // Refuse packets at once while no gateway can be reached, but go on requesting.
    if (unreachableUntil !== undefined && now < unreachableUntil) this.#refuseForNow(packet, resource, now)
    else this.keep(packet, resource, keptAt)
    this.request(resource, 'packet', now)
  }

  /** Keeps a packet of a resource without requesting access. */
  keep(packet: PacketView, { kept }: ClientResource, keptAt: Instant): void {
    const outcome = kept.keep(packet, keptAt)
    if (outcome !== 'kept') this.#effects.count(`kept-${outcome}`)
  }

  /** Requests access to a resource that is not connected, at most once in `REQUEST_INTERVAL_MS`. */
  request(resource: ClientResource | undefined, cause: AccessCause, now: Instant): void {
    if (resource === undefined || resource.peer !== undefined) return
    if (resource.requestedAt !== undefined && now < after(resource.requestedAt, REQUEST_INTERVAL_MS)) return
    resource.requestedAt = now
    resource.isRequestedEarly = false
    this.#effects.request(resource.resource.id, cause)
  }

  /** Requests access to a resource whose name an application has asked for, so that its packets wait less. */
  requestEarly(resource: ClientResource | undefined, now: Instant): void {
    if (resource === undefined || resource.peer !== undefined) return
    if (resource.unreachableUntil !== undefined && now < resource.unreachableUntil) return
    if (resource.requestedAt !== undefined && now < after(resource.requestedAt, REQUEST_INTERVAL_MS)) return
    if (!this.#early.take(resource.resource.id, now)) return
    this.request(resource, 'question', now)
    resource.isRequestedEarly = true
  }

  /** Requests another gateway at once, if packets of the resource wait or `isWanted`. */
  requestAnother(resource: ClientResource | undefined, isWanted: boolean, now: Instant): void {
    if (resource === undefined || (resource.kept.size === 0 && !isWanted)) return
    resource.requestedAt = undefined
    this.request(resource, 'packet', now)
  }

  /** Decides on the kept packets again, in order. Those that must wait for something else are kept again. */
  release(resource: ClientResource, now: Instant): void {
    for (const bytes of resource.unsent.take(now)) this.#effects.decide(bytes, now, now)
    for (const { bytes, keptAt } of resource.kept.take(now)) this.#effects.decide(bytes, now, keptAt)
  }

  /** Refuses the kept packets. */
  refuse(resource: ClientResource | undefined, reason: 'authorization-failed' | 'no-path', now: Instant): void {
    if (resource === undefined) return
    if (reason === 'authorization-failed') resource.unsent.take(now)
    for (const { bytes } of resource.kept.take(now)) {
      this.#packet.parse(bytes)
      if (reason === 'no-path') this.#refuseForNow(this.#packet, resource, now)
      else this.#effects.refuse(this.#packet, reason)
    }
  }

  /**
   * Refuses the kept packets. If none waits because only a question has requested access, the first packet requests it
   * again, and is refused as soon as the portal answers.
   */
  denied(resource: ClientResource | undefined, reason: 'authorization-failed' | 'no-path', now: Instant): void {
    if (resource?.isRequestedEarly === true && resource.kept.size === 0) resource.requestedAt = undefined
    this.refuse(resource, reason, now)
  }

  /** Refuses the kept packets, and those of the next `UNREACHABLE_FOR_MS`, as no gateway could be reached. */
  unreachable(resource: ClientResource | undefined, now: Instant): void {
    if (resource === undefined) return
    this.refuse(resource, 'no-path', now)
    resource.unreachableUntil = after(now, UNREACHABLE_FOR_MS)
  }

  /** Refuses a packet, but keeps it if it is of an open TCP connection, which takes the ICMP error for transient. */
  #refuseForNow(packet: PacketView, { unsent }: ClientResource, now: Instant): void {
    unsent.keep(packet, now)
    this.#effects.refuse(packet, 'no-path')
  }
}
