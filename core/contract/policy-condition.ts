import type { UnixTime } from '../runtime/time.ts'

/**
 * When somebody may pass: a pure function of declared facts and a moment. Values within its settings are alternatives (OR).
 *
 * It answers with a verdict and until when that holds, never with a boolean. It must be deterministic, answer at
 * once (a promise is no answer, and denies), and must not throw on
 * any settings that its schema lets through; where it throws all the same, access is denied. A fact that it declares and that is
 * unknown denies before it is asked, unless it is declared as `optional`.
 */
export interface PolicyCondition<Settings = unknown, Known = object> {
  // A property of function type: methods are compared both ways, and let an implementation for other settings through.
  readonly evaluate: (question: ConditionQuestion<Settings, Known>) => ConditionVerdict
}

export interface ConditionQuestion<Settings = unknown, Known = object> {
  readonly settings: Settings
  /** The declared facts, by the names under which they were declared. */
  readonly facts: Known
  readonly at: UnixTime
}

export type ConditionVerdict =
  | { holds: true; reason: string; /** Absent: until something changes. */ until?: UnixTime }
  | {
      holds: false
      /** For the admin: completes "the condition does not hold, as". */
      reason: string
      /** For the person whom it keeps out, in words of everyday life: completes "you have no access, as". */
      told?: string
      /** When it may hold next, where that is known. */
      again?: UnixTime
    }
