import type { KnownFacts } from './known-facts.ts'
import type { UnixTime } from '../runtime/time.ts'
import type { PolicyMode } from './compiled-policy.ts'
import type { ConditionExplanation } from './evaluate-condition.ts'

/** A request for access to a resource, with the facts that are known. */
export interface PolicyQuestion {
  /** Ids of the groups of which the actor is a member. */
  groupIds: ReadonlySet<string>
  resourceId: string
  facts: KnownFacts
  at: UnixTime
  /** Expiry of the token in use; absent if it does not expire. */
  tokenExpiresAt?: UnixTime
}

/** Decision on a request for access, with its explanation. */
export type PolicyVerdict =
  | {
      allowed: true
      /** Policy that grants access: the conforming one that ends last. */
      policyId: string
      groupId: string
      /** End of the access; absent if until something changes. */
      expiresAt?: UnixTime
      explanation: PolicyExplanation[]
    }
  | {
      allowed: false
      /**
       * `not_found`: no enabled policy is for the resource and a group of the actor. `forbidden`: there is one, but its
       * conditions do not hold. `token_expired`: the token has expired.
       */
      denied: 'not_found' | 'forbidden' | 'token_expired'
      /** Next time at which access may be allowed, if known. */
      again?: UnixTime
      explanation: PolicyExplanation[]
    }

/** Outcome of one policy in an evaluation. */
export interface PolicyExplanation {
  policyId: string
  groupId: string
  description: string | null
  /** Mode of the policy: one in shadow mode has no effect on the verdict. */
  mode: PolicyMode
  outcome: 'conforms' | 'fails' | 'disabled' | 'not_a_member'
  /** Verdicts of all conditions, in the policy's order; empty if they were not evaluated. */
  conditions: ConditionExplanation[]
  /**
   * Time until which a conforming policy grants access, at most the token's expiry; absent if until something changes.
   */
  until?: UnixTime
}
