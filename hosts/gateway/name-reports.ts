import type { ToPortal } from '../../core/control/messages.ts'
import { isTrouble, NO_TROUBLE, type SiteFindings } from '../../core/dns/site-finding.ts'
import { after, MINUTE, type Instant } from '../../core/runtime/time.ts'

type Report = Extract<ToPortal<'gateway'>, { event: 'nameFindings' }>

/** Outcome of the look-up of a name of a resource. */
export interface NameOutcome {
  resourceId: string
  domain: string
  found: SiteFindings
}

/**
 * Reports to the portal of outcomes of look-ups, for a portal that understands them: a new trouble with a name, a change
 * of it, and its end. Bounded in names and in reports a minute.
 */
export class NameReports {
  /** Whether the portal understands the reports. */
  areWanted = false
  /** Last reported trouble by resource and name, the oldest report first. */
  readonly #told = new Map<string, string>()
  #left = REPORTS_A_MINUTE
  #refilledAt: Instant | undefined

  /** Takes an outcome; returns the report that is due, if any. Beyond the rate, a later look-up reports it. */
  nameResolved({ resourceId, domain, found }: NameOutcome, now: Instant): Report | undefined {
    if (!this.areWanted) return undefined
    const key = `${resourceId} ${domain}`
    const outcome = isTrouble(found) ? `${found.ipv4} ${found.ipv6}` : undefined
    if (this.#told.get(key) === outcome || !this.#mayTell(now)) return undefined
    this.#told.delete(key)
    if (outcome !== undefined) this.#told.set(key, outcome)
    const [oldest] = this.#told.keys()
    if (this.#told.size > MAX_NAMES && oldest !== undefined) this.#told.delete(oldest)
    const { ipv4, ipv6 } = outcome === undefined ? NO_TROUBLE : found
    return { event: 'nameFindings', payload: { resource_id: resourceId, domain, ipv4, ipv6 } }
  }

  #mayTell(now: Instant): boolean {
    if (this.#refilledAt === undefined || now >= after(this.#refilledAt, MINUTE)) {
      this.#refilledAt = now
      this.#left = REPORTS_A_MINUTE
    }
    return this.#left > 0 && this.#left-- > 0
  }
}

const REPORTS_A_MINUTE = 60
const MAX_NAMES = 1_000
