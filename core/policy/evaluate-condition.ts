import type { ConditionVerdict } from '../contract/policy-condition.ts'
import { errorText } from '../plugin/error-text.ts'
import { synchronousAnswer } from '../plugin/synchronous-answer.ts'
import { unixTime, type UnixTime } from '../runtime/time.ts'
import type { CompiledCondition } from './compiled-policy.ts'
import { factsFor, type FactName, type KnownFacts } from './known-facts.ts'

/** What one condition had to say, and what it knew. */
export interface ConditionExplanation {
  /** The condition's key. */
  condition: string
  /** The plugin that judged, `name version`; absent where none could. */
  judgedBy?: string
  /** The names of the facts that it declares. */
  reads: readonly FactName[]
  /** Of these, what is known. */
  facts: KnownFacts
  holds: boolean
  reason: string
  /** The reason for the person whom it keeps out, where the plugin has one for her. */
  told?: string
  /** How long it holds; absent: until something changes. */
  until?: UnixTime
  /** When it may hold next, where that is known. */
  again?: UnixTime
}

/** The reason for the person where a condition is missing or fails: what went wrong with it is for admins. */
export const NOT_JUDGED = 'a condition of this policy cannot be judged at the moment; tell an admin'

/** Asks one condition. Whatever goes wrong with it denies, and says what. Never throws. */
export const evaluateCondition = (
  condition: CompiledCondition,
  facts: KnownFacts,
  at: UnixTime,
): ConditionExplanation => {
  if ('problem' in condition)
    return { condition: condition.key, reads: [], facts: {}, holds: false, reason: condition.problem }
  const { key, extension, settings, judgedBy } = condition
  try {
    const { reads, known, given, unknown } = factsFor(extension.facts, facts)
    const explanation: ConditionExplanation = {
      condition: key,
      judgedBy,
      reads,
      facts: known,
      holds: false,
      reason: '',
    }
    if (unknown !== undefined) {
      explanation.reason = `the fact ${unknown} is unknown`
      return explanation
    }
    const answer = synchronousAnswer(extension.value.evaluate({ settings, facts: given, at }))
    return Object.assign(explanation, checkedVerdict(answer, at))
  } catch (error) {
    const reason = `it failed: ${errorText(error)}`
    return { condition: key, judgedBy, reads: [], facts: {}, holds: false, reason, told: NOT_JUDGED }
  }
}

/** A plugin is somebody else's code: what it returns is believed only as far as it makes sense. */
const checkedVerdict = (
  answer: ConditionVerdict,
  at: UnixTime,
): Pick<ConditionExplanation, 'holds' | 'reason' | 'told' | 'until' | 'again'> => {
  const given: Partial<Record<'holds' | 'reason' | 'told' | 'until' | 'again', unknown>> | null | undefined = answer
  // Each member is read once: the second time a getter may say something else.
  const verdict = {
    holds: given?.holds,
    reason: given?.reason,
    told: given?.told,
    until: given?.until,
    again: given?.again,
  }
  if (typeof verdict.holds !== 'boolean') return { holds: false, reason: 'it gave no verdict' }
  const reason = typeof verdict.reason === 'string' ? verdict.reason.slice(0, 500) : 'it gave no reason'
  if (!verdict.holds) {
    return {
      holds: false,
      reason,
      ...(typeof verdict.told === 'string' && verdict.told !== '' ? { told: verdict.told.slice(0, 500) } : {}),
      ...(isMoment(verdict.again) ? { again: verdict.again } : {}),
    }
  }
  if (verdict.until === undefined) return { holds: true, reason }
  if (!isMoment(verdict.until)) return { holds: false, reason: `it gave no usable end: ${reason}` }
  // An end that is not ahead grants nothing, and would be asked about again and again.
  if (verdict.until <= at) return { holds: false, reason: `it has ended already: ${reason}` }
  return { holds: true, reason, until: unixTime(verdict.until) }
}

/** A moment that has a date: within the years that ECMAScript's calendar has, give or take. */
const isMoment = (time: unknown): time is UnixTime => typeof time === 'number' && Math.abs(time) < 8e15
