import type { Facts } from '../../../core/contract/policy-condition.ts'
import type { PolicyExplanation, PolicyVerdict } from '../../../core/policy/policy-verdict.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import type { View } from '../view/view.ts'

/** Whether somebody may have something, now or at another time. */
export interface AccessRequest {
  accountId: string
  actorId: string
  resourceId: string
  facts: Facts
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
  const { accountId, actorId, resourceId, ...known } = request
  // Another account's resource does not exist, and neither do the policies on it.
  if (view.get('resources', resourceId)?.accountId !== accountId) {
    return { allowed: false, denied: 'not_found', explanation: [] }
  }
  return view.policies.evaluate({ groupIds: view.groupsOf(actorId), resourceId, ...known })
}
