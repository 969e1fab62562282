import type { Answers } from '../../../core/policy/hearing.ts'
import type { KnownFacts } from '../../../core/policy/known-facts.ts'
import type { PolicyExplanation, PolicyVerdict } from '../../../core/policy/policy-verdict.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import { withUnproven } from './device-standing.ts'
import type { View } from './view.ts'

/** A request for access to be judged, at present or at another time. */
export interface JudgedRequest {
  accountId: string
  actorId: string
  resourceId: string
  facts: KnownFacts
  /** Whether the device was verified but did not prove to be that device; the reasons then say so. */
  isUnproven?: boolean
  at: UnixTime
  /** Expiry of the token in use; absent if it never expires. */
  tokenExpiresAt?: UnixTime
}

/**
 * Verdict on a request for access, with the policy that grants it; `not_found` if the resource does not exist for the
 * actor.
 */
export type AccessVerdict = PolicyVerdict | { allowed: false; denied: 'not_found'; explanation: PolicyExplanation[] }

/**
 * Decides about access: for requests, for existing grants judged again, for explanations and simulations. There is no
 * other place. `answers` are those of conditions that run in threads of their own.
 */
export const judgeAccess = (
  view: Pick<View, 'get' | 'groupsOf' | 'policies'>,
  request: JudgedRequest,
  answers?: Answers,
): AccessVerdict => {
  const { accountId, actorId, resourceId, isUnproven, ...known } = request
  // A resource of another account does not exist, and neither do policies on it.
  if (view.get('resources', resourceId)?.accountId !== accountId) {
    return { allowed: false, denied: 'not_found', explanation: [] }
  }
  const verdict = view.policies.evaluate({ groupIds: view.groupsOf(actorId), resourceId, ...known }, answers)
  return isUnproven === true ? { ...verdict, explanation: withUnproven(verdict.explanation) } : verdict
}
