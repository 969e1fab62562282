import { after, MINUTE, type Instant } from '../../../core/runtime/time.ts'
import type { Decision } from '../store/store.ts'
import type { Context } from './context.ts'

/** From a denial on, its like are counted for so long, and then written down as one. */
const FOLDED_MS = MINUTE
/** Ids that a record of several names. */
const MOST_IDS = 20

/** What is counted of one kind, beyond the first that was written down at once. */
interface Repeated {
  count: number
  last: Decision | undefined
  resourceIds: Set<string>
}

/**
 * Writes denials down: the first at once, what repeats it within a minute as one record that says how many there were, and when the last
 * was. A client may ask fifty times a second, for ids that it makes up, and each record costs the database a write.
 */
export class DenialRecords {
  readonly #context: Context
  readonly #repeated = new Map<string, Repeated>()

  constructor(context: Context) {
    this.#context = context
  }

  add(accountId: string, decision: Decision, now: Instant): void {
    const kind = this.#kindOf(accountId, decision)
    const repeated = this.#repeated.get(kind)
    if (repeated === undefined) {
      this.#repeated.set(kind, { count: 0, last: undefined, resourceIds: new Set() })
      this.#context.agenda.add(after(now, FOLDED_MS), 'repeated denials', () => this.#write(accountId, kind))
      return this.#context.emit({ type: 'recordDecision', accountId, decision })
    }
    repeated.count++
    repeated.last = decision
    if (decision.resourceId !== null && repeated.resourceIds.size < MOST_IDS) {
      repeated.resourceIds.add(decision.resourceId)
    }
  }

  #write(accountId: string, kind: string): void {
    const repeated = this.#repeated.get(kind)
    this.#repeated.delete(kind)
    if (repeated?.last === undefined) return
    const { count, last, resourceIds } = repeated
    const details = { ...(last.details as object), repeated: { count, resourceIds: [...resourceIds] } }
    this.#context.emit({ type: 'recordDecision', accountId, decision: { ...last, details } })
  }

  /** One client's, for one reason in all its words, at one resource: all that do not exist are one. */
  #kindOf(accountId: string, { clientId, resourceId, reason, details }: Decision): string {
    const isThere = this.#context.view.get('resources', resourceId ?? '')?.accountId === accountId
    return JSON.stringify([clientId, isThere ? resourceId : null, reason, details])
  }
}
