import { isTrouble, type SiteFindings } from '../../core/dns/site-finding.ts'
import { after, MINUTE, type Instant } from '../../core/runtime/time.ts'

/**
 * Decides which outcomes of look-ups are reported to the portal: a new trouble with a name, a change of it, and its
 * end. Bounded in names and in reports a minute.
 */
export class NameReports {
  /** Last reported trouble by resource and name, the oldest report first. */
  readonly #told = new Map<string, string>()
  #left = REPORTS_A_MINUTE
  #refilledAt: Instant | undefined

  /**
   * Whether to report the outcome of a look-up, which then counts as reported. Beyond the rate, a later look-up reports
   * it.
   */
  shouldReport(resourceId: string, domain: string, found: SiteFindings, now: Instant): boolean {
    const key = `${resourceId} ${domain}`
    const outcome = isTrouble(found) ? `${found.ipv4} ${found.ipv6}` : undefined
    if (this.#told.get(key) === outcome || !this.#mayTell(now)) return false
    this.#told.delete(key)
    if (outcome !== undefined) this.#told.set(key, outcome)
    const [oldest] = this.#told.keys()
    if (this.#told.size > MAX_NAMES && oldest !== undefined) this.#told.delete(oldest)
    return true
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
