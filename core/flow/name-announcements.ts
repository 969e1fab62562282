import { after, earlier, SECOND, type Instant } from '../runtime/time.ts'

/** protocol.md §5: control frames are unreliable, so they are repeated. */
const ANNOUNCE_INTERVAL = 2 * SECOND
/** Then a packet must come again before it goes on. */
const MOST_ANNOUNCEMENTS = 10
/** D10: at most one resolution per name and second. */
const REFRESH_INTERVAL = SECOND

/** What a gateway knows of a name of one resource, as far as the client can tell. */
export interface Announcement {
  status: 'unknown' | 'pending' | 'active'
  sentAt: Instant | undefined
  /** How often since it is pending. */
  sent: number
}

/** When to tell a gateway the addresses of a name. */
export class NameAnnouncements {
  #nextAt: Instant | undefined

  /** When `due` is to be asked of every pending one; undefined while there is none. */
  get nextAt(): Instant | undefined {
    return this.#nextAt
  }

  /** Begins to announce, unless that goes on already; whether to send now. */
  begin(announcement: Announcement, now: Instant): boolean {
    if (announcement.status === 'pending') return false
    announcement.status = 'pending'
    announcement.sent = 0
    return this.due(announcement, now)
  }

  /** Whether to send a pending one now. */
  due(announcement: Announcement, now: Instant): boolean {
    const isDue = announcement.sentAt === undefined || now >= after(announcement.sentAt, ANNOUNCE_INTERVAL)
    if (isDue && announcement.sent === MOST_ANNOUNCEMENTS) {
      announcement.status = 'unknown'
      return false
    }
    if (isDue) {
      announcement.sentAt = now
      announcement.sent++
    }
    this.#nextAt = earlier(this.#nextAt, after(announcement.sentAt ?? now, ANNOUNCE_INTERVAL))
    return isDue
  }

  /** Whether to have a name that the gateway knows resolved anew, because an application asked for it. */
  refresh(announcement: Announcement, now: Instant): boolean {
    if (announcement.status !== 'active') return false
    if (announcement.sentAt !== undefined && now < after(announcement.sentAt, REFRESH_INTERVAL)) return false
    announcement.sentAt = now
    return true
  }

  /** Whether the time has come; then all pending ones are to be asked whether they are due. */
  wake(now: Instant): boolean {
    if (this.#nextAt === undefined || now < this.#nextAt) return false
    this.#nextAt = undefined
    return true
  }
}
