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

/** Time after a denial during which similar ones are only counted, to be recorded as one. */
const FOLDED_MS = MINUTE
/** Maximum of resource ids named in a record of several denials. */
const MAX_IDS = 20

/** Repetitions of one kind of denial since the first, which was recorded at once. */
interface Repeated {
  count: number
  last: Decision | undefined
  resourceIds: Set<string>
}

/** Records about one device within the minute after a first denial. */
interface Minute {
  records: number
  kinds: Map<string, Repeated>
}

/** Kind under which all further denials are counted once a device has used up its records. */
const ANY = 'any'

/**
 * Audits denials: the first at once, similar ones within a minute as one record with their number and the time of the
 * last. Bounds the writes of a client that asks fifty times a second for ids that it makes up: after
 * `records_per_minute` different kinds of denials, all further ones share one record.
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
      // Nothing is recorded at once for the shared kind.
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

  /**
   * Returns the kind of a denial: its reason with details, and its resource; all resources that do not exist are one.
   */
  #kindOf(accountId: string, { resourceId, reason, details }: Decision): string {
    const isThere = this.#needs.view.get('resources', resourceId ?? '')?.accountId === accountId
    return JSON.stringify([isThere ? resourceId : null, reason, details])
  }
}
