import type { PeerId } from '../../contract/tunnel-transport.ts'
import type { SiteFindings } from '../../dns/site-finding.ts'
import { after, earlier, SECOND, type Instant } from '../../runtime/time.ts'
import { encodeControlFrame } from '../control-frame.ts'
import type { Announcement, ClientName, ClientRoutes } from './client-routes.ts'

/** Interval at which an announcement is repeated, as control frames may be lost (wire §5). */
const ANNOUNCE_INTERVAL_MS = 2 * SECOND
/** Most repetitions; after these, the next packet to the name starts again. */
const MAX_ANNOUNCEMENTS = 10
/** Shortest interval at which a gateway is asked to resolve a name again (D10). */
const REFRESH_INTERVAL_MS = SECOND
/** Time in which packets are expected after a question for a name. */
const ASKED_FOR_MS = 20 * SECOND

/** Announces names and their mapped addresses to gateways, until they confirm. */
export class NameAnnouncements {
  readonly #routes: ClientRoutes
  readonly #send: (peer: PeerId, frame: Uint8Array) => void
  #nextAt: Instant | undefined

  constructor(routes: ClientRoutes, send: (peer: PeerId, frame: Uint8Array) => void) {
    this.#routes = routes
    this.#send = send
  }

  /** Time at which to call `wake`; undefined while nothing is pending. */
  get nextAt(): Instant | undefined {
    return this.#nextAt
  }

  /** Starts to announce a name to the gateway of one of its resources, unless an announcement is pending. */
  begin(name: ClientName, resourceId: string, now: Instant): void {
    const announcement = name.announced.get(resourceId) ?? { status: 'unknown', sentAt: undefined, sent: 0 }
    name.announced.set(resourceId, announcement)
    if (announcement.status === 'pending') return
    announcement.status = 'pending'
    announcement.sent = 0
    if (this.#isDue(announcement, now)) this.#announce(name, resourceId)
  }

  /**
   * Announces a name that an application has asked for to the gateways of its resources, so that they resolve it, for
   * the first time or again (D10).
   */
  refresh(name: ClientName | undefined, now: Instant): void {
    if (name === undefined) return
    for (const resourceId of name.resourceIds) {
      if (this.#routes.resource(resourceId)?.peer === undefined) continue
      const announcement = name.announced.get(resourceId)
      if (announcement === undefined) this.begin(name, resourceId, now)
      else if (isStale(announcement, now)) {
        announcement.sentAt = now
        this.#announce(name, resourceId)
      }
    }
  }

  /** Announces the names of a resource that is connected that somebody waits for, or has just asked for. */
  connected(resourceId: string, now: Instant): void {
    for (const name of this.#routes.names()) {
      if (name.awaitedOf.has(resourceId) || isAskedFor(name, resourceId, now)) this.begin(name, resourceId, now)
    }
  }

  wake(now: Instant): void {
    if (this.#nextAt === undefined || now < this.#nextAt) return
    this.#nextAt = undefined
    for (const name of this.#routes.names()) {
      for (const [resourceId, announcement] of name.announced) {
        if (announcement.status === 'pending' && this.#isDue(announcement, now)) this.#announce(name, resourceId)
      }
    }
  }

  /** Whether to send a pending announcement now. Counts it, and gives up after the last repetition. */
  #isDue(announcement: Announcement, now: Instant): boolean {
    const isDue = announcement.sentAt === undefined || now >= after(announcement.sentAt, ANNOUNCE_INTERVAL_MS)
    if (isDue && announcement.sent === MAX_ANNOUNCEMENTS) {
      announcement.status = 'unknown'
      return false
    }
    if (isDue) {
      announcement.sentAt = now
      announcement.sent++
    }
    this.#nextAt = earlier(this.#nextAt, after(announcement.sentAt ?? now, ANNOUNCE_INTERVAL_MS))
    return isDue
  }

  #announce({ domain, addresses }: ClientName, resourceId: string): void {
    const peer = this.#routes.resource(resourceId)?.peer
    if (peer === undefined) return
    this.#send(peer, encodeControlFrame({ type: 'assignedIps', resource: resourceId, domain, mappedIps: addresses }))
  }
}

/** Stores the findings of the site for a name (undefined if there is no problem). Returns whether they have changed. */
export const takeFindings = (announcement: Announcement, found: SiteFindings | undefined): boolean => {
  const before = announcement.found
  announcement.found = found
  return before?.ipv4 !== found?.ipv4 || before?.ipv6 !== found?.ipv6
}

/** Whether an application was told the addresses of a name of the resource so recently that packets may follow. */
const isAskedFor = ({ resourceIds, askedAt }: ClientName, resourceId: string, now: Instant): boolean =>
  askedAt !== undefined && now < after(askedAt, ASKED_FOR_MS) && resourceIds.includes(resourceId)

/** Whether a gateway that knows a name may be asked to resolve it again. */
const isStale = ({ status, sentAt }: Announcement, now: Instant): boolean =>
  status === 'active' && (sentAt === undefined || now >= after(sentAt, REFRESH_INTERVAL_MS))
