import type { KnownFacts } from '../../../core/policy/known-facts.ts'
import type { PolicyExplanation, PolicyVerdict } from '../../../core/policy/policy-verdict.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import { withUnproven } from './device-standing.ts'
import type { View } from './view.ts'

/** Whether somebody may have something, now or at another time. */
export interface AccessRequest {
  accountId: string
  actorId: string
  resourceId: string
  facts: KnownFacts
  /** Whether its device was verified and did not prove to be the one, which reasons are to say. */
  isUnproven?: boolean
  at: UnixTime
  /** When the token in use expires; absent: never. */
  tokenExpiresAt?: UnixTime
}

/** What a client may have, and under which policy. */
export type AccessVerdict = PolicyVerdict | { allowed: false; denied: 'not_found'; explanation: PolicyExplanation[] }

/** The one place where access is decided: for a request, for a grant that is looked at again, to explain, and to simulate. */
export const judgeAccess = (
  view: Pick<View, 'get' | 'groupsOf' | 'policies'>,
  request: AccessRequest,
): AccessVerdict => {
  const { accountId, actorId, resourceId, isUnproven, ...known } = request
  // Another account's resource does not exist, and neither do the policies on it.
  if (view.get('resources', resourceId)?.accountId !== accountId) {
    return { allowed: false, denied: 'not_found', explanation: [] }
  }
  const verdict = view.policies.evaluate({ groupIds: view.groupsOf(actorId), resourceId, ...known })
  return isUnproven === true ? { ...verdict, explanation: withUnproven(verdict.explanation) } : verdict
}
