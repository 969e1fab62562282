import type { UnixTime } from '../runtime/time.ts'

/**
 * Decides whether a policy grants access: a pure function of settings, declared facts and a moment. Values within the
 * settings are alternatives (OR).
 *
 * A condition must be deterministic and answer at once. If it throws or answers with a promise, access is denied; it
 * must not throw for any settings that its schema accepts. If a declared fact is unknown, access is denied without a
 * call of `evaluate`, unless the fact is declared as `optional`.
 */
export interface PolicyCondition<Settings = unknown, Known = object> {
  // A property, as the compiler compares parameters of methods both ways and would accept an implementation for other
  // settings.
  readonly evaluate: (question: ConditionQuestion<Settings, Known>) => ConditionVerdict
}

/** Settings, facts and moment that a condition is evaluated for. */
export interface ConditionQuestion<Settings = unknown, Known = object> {
  readonly settings: Settings
  /** Facts of the request, by the names in the plugin's `facts`. */
  readonly facts: Known
  readonly at: UnixTime
}

/** Answer of a condition, with the reason and, if known, the time when it changes by itself. */
export type ConditionVerdict =
  | {
      holds: true
      reason: string
      /** Time when the condition ceases to hold; absent: it holds until the facts or settings change. */
      until?: UnixTime
    }
  | {
      holds: false
      /** Reason for an admin: a clause that completes "the condition does not hold, as". */
      reason: string
      /** Reason for the person who is denied, in everyday words: a clause that completes "you have no access, as". */
      told?: string
      /** Time when the condition may hold next, if that is known. */
      again?: UnixTime
    }
