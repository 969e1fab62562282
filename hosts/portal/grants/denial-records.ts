import { after, MINUTE, type Instant } from '../../../core/runtime/time.ts'
import type { View } from '../decide/view.ts'
import type { Decision } from '../store/store.ts'
import type { Agenda } from './agenda.ts'
import type { Limits } from './limits.ts'
import type { Emit } from './portal-output.ts'

export interface DenialRecordsNeeds {
  view: View
  agenda: Agenda
  limits: Pick<Limits, 'records_per_minute'>
  emit: Emit
}

/** From a denial on, its like are counted for so long, and then written down as one. */
const FOLDED_MS = MINUTE
/** Ids that a record of several names. */
const MAX_IDS = 20

/** What is counted of one kind, beyond the first that was written down at once. */
interface Repeated {
  count: number
  last: Decision | undefined
  resourceIds: Set<string>
}

/** What was written down of one device since a denial began its minute. */
interface Minute {
  records: number
  kinds: Map<string, Repeated>
}

/** The kind that all denials are of once a device has used up its records. */
const ANY = 'any'

/**
 * Writes denials down: the first at once, what repeats it within a minute as one record that says how many there were, and when the last
 * was. A client may ask fifty times a second, for ids that it makes up, and each record costs the database a write. Denials of very
 * many kinds are one kind from `records_per_minute` on: a condition's reason may be another each time.
 */
export class DenialRecords {
  readonly #needs: DenialRecordsNeeds
  readonly #minutes = new Map<string, Minute>()

  constructor(needs: DenialRecordsNeeds) {
    this.#needs = needs
  }

  add(accountId: string, decision: Decision, now: Instant): void {
    const minute = this.#minuteOf(accountId, decision.clientId ?? '', now)
    const kind = this.#kindOf(accountId, decision)
    const mayWrite = minute.records < this.#needs.limits.records_per_minute
    const repeated = minute.kinds.get(kind) ?? (mayWrite ? undefined : minute.kinds.get(ANY))
    if (repeated === undefined) {
      minute.kinds.set(mayWrite ? kind : ANY, { count: 0, last: undefined, resourceIds: new Set() })
      // Of the kind that is many kinds, nothing is written down at once.
      if (!mayWrite) return this.add(accountId, decision, now)
      minute.records++
      return this.#needs.emit({ type: 'recordDecision', accountId, decision })
    }
    repeated.count++
    repeated.last = decision
    if (decision.resourceId !== null && repeated.resourceIds.size < MAX_IDS) {
      repeated.resourceIds.add(decision.resourceId)
    }
  }

  #minuteOf(accountId: string, clientId: string, now: Instant): Minute {
    const running = this.#minutes.get(clientId)
    if (running !== undefined) return running
    const minute: Minute = { records: 0, kinds: new Map() }
    this.#minutes.set(clientId, minute)
    this.#needs.agenda.add(after(now, FOLDED_MS), 'repeated denials', () => this.#write(accountId, clientId))
    return minute
  }

  #write(accountId: string, clientId: string): void {
    const minute = this.#minutes.get(clientId)
    this.#minutes.delete(clientId)
    for (const { count, last, resourceIds } of minute?.kinds.values() ?? []) {
      if (last === undefined) continue
      const details = { ...(last.details as object), repeated: { count, resourceIds: [...resourceIds] } }
      this.#needs.emit({ type: 'recordDecision', accountId, decision: { ...last, details } })
    }
  }

  /** One client's, for one reason in all its words, at one resource: all that do not exist are one. */
  #kindOf(accountId: string, { resourceId, reason, details }: Decision): string {
    const isThere = this.#needs.view.get('resources', resourceId ?? '')?.accountId === accountId
    return JSON.stringify([isThere ? resourceId : null, reason, details])
  }
}
