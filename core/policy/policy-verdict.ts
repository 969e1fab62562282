import type { KnownFacts } from './known-facts.ts'
import type { UnixTime } from '../runtime/time.ts'
import type { PolicyMode } from './compiled-policy.ts'
import type { ConditionExplanation } from './evaluate-condition.ts'

/** Who asks for what, and what is known about the request. */
export interface PolicyQuestion {
  /** The groups that the actor is a member of. */
  groupIds: ReadonlySet<string>
  resourceId: string
  facts: KnownFacts
  at: UnixTime
  /** When the token in use expires; absent: never. */
  tokenExpiresAt?: UnixTime
}

export type PolicyVerdict =
  | {
      allowed: true
      /** The policy that grants, of the conforming ones the longest. */
      policyId: string
      groupId: string
      /** Absent: until something changes. */
      expiresAt?: UnixTime
      explanation: PolicyExplanation[]
    }
  | {
      allowed: false
      /**
       * `not_found`: no enabled policy joins the resource to a group of the actor. `forbidden`: one does, but its conditions
       * do not hold. `token_expired`: nothing can be granted with this token.
       */
      denied: 'not_found' | 'forbidden' | 'token_expired'
      /** When it may be allowed, where that is known. */
      again?: UnixTime
      explanation: PolicyExplanation[]
    }

/** What became of one policy of the resource; of one in shadow mode, what would have. */
export interface PolicyExplanation {
  policyId: string
  groupId: string
  description: string | null
  /** What a policy in shadow mode says counts for nothing. */
  mode: PolicyMode
  outcome: 'conforms' | 'fails' | 'disabled' | 'not_a_member'
  /** Every condition, in the policy's order; none where they were not asked. */
  conditions: ConditionExplanation[]
  /** For one that conforms: when it ends, the token's end included. Absent: until something changes. */
  until?: UnixTime
}
