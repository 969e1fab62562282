import type { Facts } from '../../../core/contract/policy-condition.ts'
import type { PolicyVerdict } from '../../../core/policy/policy-verdict.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import type { View } from '../view/view.ts'

/** A request for access that nobody made: what would become of it. */
export interface Hypothesis {
  accountId: string
  actorId: string
  resourceId: string
  facts: Facts
  at: UnixTime
  tokenExpiresAt?: UnixTime
}

/** The verdict of the real evaluator on a made-up request. Undefined where the account has no such actor or resource. */
export const explain = (view: View, hypothesis: Hypothesis): PolicyVerdict | undefined => {
  const { accountId, actorId, resourceId, ...known } = hypothesis
  const actor = view.get('actors', actorId)
  const resource = view.get('resources', resourceId)
  if (actor?.accountId !== accountId || resource?.accountId !== accountId) return undefined
  return view.policies.evaluate({ groupIds: view.groupsOf(actorId), resourceId, ...known })
}
