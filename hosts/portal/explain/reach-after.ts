import type { Answers } from '../../../core/policy/hearing.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import type { SupposedValues } from '../decide/request-facts.ts'
import { SupposedView } from '../decide/supposed-view.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import type { Change } from '../store/entities.ts'
import type { Traffic } from './access-question.ts'
import { filterOf } from './explanation.ts'
import { judgedState } from './pair-state.ts'

/** Question whether an actor reaches a resource once changes are made. */
export interface ReachAfterQuestion {
  actorId: string
  /** Resources that are meant, in order of precedence: those to which a name or an address belongs. */
  resourceIds: readonly string[]
  traffic?: Traffic | undefined
  at?: UnixTime | undefined
  facts?: SupposedValues | undefined
}

/** Verdict on a question, with the reason in words for admins. */
export interface ReachVerdict {
  isReached: boolean
  why: string
}

/**
 * Judges access as changes would leave it, with the evaluator of real requests: of any device of the actor, or of none.
 */
export const reachAfter = (
  known: Knowledge,
  {
    accountId,
    changes,
    questions,
  }: { accountId: string; changes: readonly Change[]; questions: readonly ReachAfterQuestion[] },
  now: Instant,
  answers: Answers | undefined,
): ReachVerdict[] => {
  const { view } = known
  const supposed = new SupposedView(view, changes)
  // The supposed view has policies on the resources that changes concern only; on others they stay as they are.
  const elsewhere = {
    get: supposed.get.bind(supposed),
    groupsOf: supposed.groupsOf.bind(supposed),
    policies: view.policies,
  }
  return questions.map(({ actorId, resourceIds, traffic, at, facts }) => {
    const judged = resourceIds.flatMap((resourceId) => {
      const from = supposed.resourceIds.has(resourceId) ? supposed : elsewhere
      const resource = from.get('resources', resourceId)
      if (resource === undefined) return []
      const isPermitted = traffic === undefined || filterOf(resource, traffic).isPermitted
      return [{ isPermitted, ...judgedState(known, { accountId, actorId, resourceId, at, facts, from }, now, answers) }]
    })
    // Same order as at both ends of a tunnel: among resources that exist for the actor, one that permits the port (T5).
    const existing = judged.filter(({ state }) => state !== 'none')
    const decisive = existing.find(({ isPermitted }) => isPermitted) ?? existing[0] ?? judged[0]
    if (decisive === undefined) return { isReached: false, why: 'there is no such resource' }
    const { state, isPermitted, why } = decisive
    if (state === 'allowed' && !isPermitted)
      return { isReached: false, why: 'the resource’s filters do not let this through' }
    return { isReached: state === 'allowed', why }
  })
}
