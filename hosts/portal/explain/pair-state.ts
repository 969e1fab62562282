import type { Answers } from '../../../core/policy/hearing.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import { judgeAccess, type AccessVerdict } from '../decide/access.ts'
import type { SupposedValues } from '../decide/request-facts.ts'
import { personStanding } from '../decide/standing.ts'
import type { View } from '../decide/view.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import { knownOf } from './known-facts.ts'

/**
 * Access of one actor to one resource. `none`: the resource does not exist for the actor. `denied`: it exists, but the
 * conditions hold for no device of the actor. `allowed`: they hold for a device, or without any device.
 */
export type PairState = 'none' | 'denied' | 'allowed'

/** State of a pair with its reason, in words for admins. */
export interface JudgedState {
  state: PairState
  why: string
  /** Time at which a denial may end, if known. */
  again?: UnixTime
}

/** A pair of actor and resource, with the time and the facts to suppose. */
export interface PairQuestion {
  accountId: string
  actorId: string
  resourceId: string
  at?: UnixTime | undefined
  facts?: SupposedValues | undefined
  /** Rows to judge by: the portal's, or those that supposed changes would leave. */
  from: Pick<View, 'get' | 'groupsOf' | 'policies'>
}

/** Judges a pair for each device of the actor and for none, by what is known of them: one that is allowed is enough. */
export const judgedState = (
  known: Knowledge,
  { accountId, actorId, resourceId, at, facts, from }: PairQuestion,
  now: Instant,
  answers: Answers | undefined,
): JudgedState => {
  if (typeof personStanding(from, { accountId, actorId }) === 'string')
    return { state: 'none', why: 'the person is disabled or gone' }
  let judged: JudgedState = { state: 'none', why: 'no policy leads there' }
  for (const clientId of [undefined, ...known.view.clientsOf(actorId)]) {
    const { request, factsOn } = knownOf(known, { accountId, actorId, clientId, at, ...(facts && { facts }) }, now)
    const about = { accountId, actorId, resourceId, facts: factsOn(resourceId, from) }
    const verdict = judgeAccess(from, { ...about, ...request }, answers)
    if (verdict.allowed) return { state: 'allowed', why: grantText(verdict) }
    if (verdict.denied !== 'not_found')
      judged = {
        state: 'denied',
        why: denialText(verdict),
        ...('again' in verdict && verdict.again !== undefined ? { again: verdict.again } : {}),
      }
  }
  return judged
}

const grantText = ({ policyId, explanation }: AccessVerdict & { allowed: true }): string => {
  const conditions = explanation.find((each) => each.policyId === policyId)?.conditions ?? []
  return conditions.length === 0 ? 'a policy without conditions' : conditions.map(({ reason }) => reason).join('; ')
}

/** Tells the conditions that fail of the policy with the fewest: the one that is nearest to granting. */
const denialText = ({ explanation }: AccessVerdict): string => {
  const failing = explanation
    .filter(({ mode, outcome }) => mode === 'enforced' && outcome === 'fails')
    .map(({ conditions }) => conditions.filter(({ holds }) => !holds).map(({ reason }) => reason))
    .toSorted((a, b) => a.length - b.length)
  return failing[0]?.join('; ') ?? 'its sign-in has ended'
}
