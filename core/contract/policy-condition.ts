import { extensionPoint } from '../plugin/extension-point.ts'
import type { UnixTime } from '../runtime/time.ts'

/**
 * When somebody may pass: a pure function of declared facts and a moment. Values within its settings are alternatives (OR).
 *
 * It answers with a verdict and until when that holds, never with a boolean. It must be deterministic, answer at
 * once (a promise is no answer, and denies), and must not throw on
 * any settings that its schema lets through; where it throws all the same, access is denied. A fact that it declares and that is
 * unknown denies before it is asked.
 */
export interface PolicyCondition<Settings = unknown> {
  /** The facts that `evaluate` reads; it is given these and no others. */
  readonly facts: readonly FactName[]
  // A method, not a member of function type: so an implementation for its own settings fits where they are unknown.
  evaluate(question: ConditionQuestion<Settings>): ConditionVerdict
}

export interface ConditionQuestion<Settings = unknown> {
  settings: Settings
  facts: Facts
  at: UnixTime
}

/** What can be known about a request. Absent means unknown. */
export interface Facts {
  /** The client's address as the portal sees it: text, canonical, without a port. */
  remoteIp?: string
  /** The identity provider by which the token in use was obtained: its id. Unknown for tokens that an admin created. */
  identityProviderId?: string
  /** Whether an admin has vouched for the device. */
  clientVerified?: boolean
}

export type FactName = keyof Facts

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

export const PolicyConditions = extensionPoint<PolicyCondition>('policy-conditions')
