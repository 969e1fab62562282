import type { Answers } from '../../../core/policy/hearing.ts'
import type { PolicyExplanation } from '../../../core/policy/policy-verdict.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import { utcText } from '../../../core/runtime/utc-text.ts'
import { judgeAccess, type AccessVerdict } from '../decide/access.ts'
import { obstacleText } from '../decide/obstacle-text.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import type { Resource } from '../store/entities.ts'
import { personalReason } from '../wire/denial.ts'
import type { AccessQuestion } from './access-question.ts'
import { factText } from './fact-text.ts'
import { knownOf } from './known-facts.ts'

/**
 * A person's access to one resource that exists for that person (P10), in words that reveal nothing of others and no
 * names of groups or policies.
 */
export interface PersonAccess {
  resource: Pick<Resource, 'id' | 'name' | 'type' | 'address'>
  isAllowed: boolean
  /** One sentence, such as `You have access until 2026-11-22 18:00 UTC.` */
  text: string
  /** Obstacles of a denial, one sentence each, by policy: meeting all conditions of any one policy would be enough. */
  ways: { description: string | null; obstacles: string[] }[]
  /** Facts that this rests on, one clause each. */
  facts: string[]
  /** End of the access; absent if only a change ends it. */
  until?: UnixTime
  /** Time at which a denial may end, if known. */
  again?: UnixTime
}

export type PersonQuestion = Pick<AccessQuestion, 'accountId' | 'actorId' | 'clientId' | 'facts' | 'at'>

/**
 * Lists the resources that exist for a person and whether access is allowed, sorted by name, in words for that person.
 */
export const accessOfPerson = (
  known: Knowledge,
  question: PersonQuestion,
  now: Instant,
  answers?: Answers,
): PersonAccess[] => {
  const { view } = known
  const { accountId, actorId } = question
  if (view.get('actors', actorId)?.accountId !== accountId) return []
  const { request, factsOn, obstacle } = knownOf(known, question, now)
  return [...view.policies.resourcesOf(view.groupsOf(actorId))]
    .flatMap((id) => view.get('resources', id) ?? [])
    .filter((resource) => resource.accountId === accountId)
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map(({ id, name, type, address }) => {
      const verdict = judgeAccess(view, { accountId, actorId, resourceId: id, facts: factsOn(id), ...request }, answers)
      return { resource: { id, name, type, address }, ...answerOf(verdict, obstacle), facts: factsBehind(verdict) }
    })
}

/** Facts that the conditions read which grant access; or, where none do, those that keep the person out. */
const factsBehind = (verdict: AccessVerdict): string[] => {
  const decisive = verdict.explanation.filter(({ policyId, outcome, mode }) =>
    verdict.allowed ? policyId === verdict.policyId : outcome === 'fails' && mode === 'enforced',
  )
  const known = decisive.flatMap(({ conditions }) => conditions.flatMap(({ facts }) => Object.entries(facts)))
  return [...new Map(known)].map(([name, fact]) => factText({ name, ...fact }))
}

const answerOf = (verdict: AccessVerdict, obstacle: string | undefined): Omit<PersonAccess, 'resource' | 'facts'> => {
  if (obstacle !== undefined) {
    return { isAllowed: false, text: `You have no access: ${obstacleText(obstacle)}.`, ways: [] }
  }
  if (verdict.allowed) {
    const { expiresAt: until } = verdict
    if (until === undefined) return { isAllowed: true, text: 'You have access.', ways: [] }
    return { isAllowed: true, text: `You have access until ${utcText(until)}.`, ways: [], until }
  }
  const again = 'again' in verdict ? verdict.again : undefined
  return {
    isAllowed: false,
    text:
      verdict.denied === 'token_expired'
        ? 'You have no access: your sign-in has expired. Sign in again.'
        : again === undefined
          ? 'You have no access at the moment.'
          : `You have no access before ${utcText(again)}.`,
    ways: verdict.explanation.filter(({ outcome, mode }) => outcome === 'fails' && mode === 'enforced').map(way),
    ...(again === undefined ? {} : { again }),
  }
}

const way = ({ description, conditions }: PolicyExplanation): PersonAccess['ways'][number] => ({
  description,
  obstacles: conditions.filter(({ holds }) => !holds).map(personalReason),
})
