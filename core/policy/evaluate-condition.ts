import type { DeclaredFacts } from '../contract/extension-point.ts'
import { BUILT_IN_FACTS } from '../contract/facts.ts'
import { catchStray } from '../plugin/caught-promises.ts'
import { errorText } from '../plugin/error-text.ts'
import { synchronousAnswer } from '../plugin/synchronous-answer.ts'
import { visibleCharacters } from '../plugin/visible-characters.ts'
import { unixTime, type UnixTime } from '../runtime/time.ts'
import type { Answers } from './hearing.ts'
import type { CompiledCondition, JudgedCondition } from './compiled-policy.ts'
import { factsFor, type FactRecord, type FactsForPlugin, type KnownFacts } from './known-facts.ts'

/** Verdict of one condition, and the facts that it was based on. */
export interface ConditionExplanation {
  /** Key of the condition. */
  condition: string
  /** Name and version of the plugin that decided; absent if none could. */
  judgedBy?: string
  /** Names of the facts that the condition declares. */
  reads: readonly string[]
  /** Declared facts that are known. */
  facts: FactRecord
  holds: boolean
  reason: string
  /** Reason for the person who was denied, if the plugin gives one. */
  told?: string
  /** Time until which the condition holds; absent if until something changes. */
  until?: UnixTime
  /** Next time at which the condition may hold, if known. */
  again?: UnixTime
}

/** Reason shown to the person if a condition is missing or its plugin fails; only admins see the error. */
export const NOT_JUDGED = 'a condition of this policy cannot be judged at the moment; tell an admin'

/**
 * Evaluates one condition. Denies, with the error as the reason, if it fails; never throws. One that runs in a thread of its
 * own is looked up in `answers`, and denies while its answer is not known.
 */
export const evaluateCondition = (
  condition: CompiledCondition,
  facts: KnownFacts,
  at: UnixTime,
  answers?: Answers,
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
      if (isSaidByClients(extension.facts, unknown)) explanation.told = notSaid(unknown)
      return explanation
    }
    if (extension.isIsolated === true) return Object.assign(explanation, heardVerdict(condition, given, at, answers))
    const answer = synchronousAnswer(extension.value.evaluate({ settings, facts: given, at }))
    return Object.assign(explanation, checkedVerdict(answer, at))
  } catch (error) {
    const reason = `it failed: ${errorText(error)}`
    return { condition: key, judgedBy, reads: [], facts: {}, holds: false, reason, told: NOT_JUDGED }
  }
}

/** Returns the reason shown to the person if a condition reads a fact that their client has not said. */
const notSaid = (name: string): string =>
  `your device has not said “${name}”; its client may lack the plugin that finds it out`

const isSaidByClients = (facts: DeclaredFacts, name: string): boolean =>
  !BUILT_IN_FACTS.has(name) && Object.values(facts).some((token) => token.name === name && token.from === 'client')

/** Returns the verdict of a condition that runs in a thread of its own, or that there is none. */
const heardVerdict = (
  condition: JudgedCondition,
  facts: FactsForPlugin['given'],
  at: UnixTime,
  answers: Answers | undefined,
): Partial<ConditionExplanation> => {
  const heard = answers?.find({
    plugin: condition.extension.plugin,
    point: 'policy-conditions',
    key: condition.key,
    owner: condition,
    settings: condition.stored,
    about: { facts },
    // A source that confirms its fact changes nothing.
    text: JSON.stringify(Object.entries(facts).map(([as, { value, source, since }]) => [as, value, source, since])),
    at,
  })
  if (heard === undefined) return { reason: 'it was not asked' }
  if ('answer' in heard) return checkedVerdict(heard.answer, at)
  return { reason: `it failed: ${errorText(heard.failure)}`, told: NOT_JUDGED }
}

/** Validates a plugin's verdict, which may be malformed as it comes from foreign code. */
const checkedVerdict = (
  answer: unknown,
  at: UnixTime,
): Pick<ConditionExplanation, 'holds' | 'reason' | 'told' | 'until' | 'again'> => {
  const given = answer as Partial<Record<'holds' | 'reason' | 'told' | 'until' | 'again', unknown>> | null | undefined
  // Read each member once: a getter could return something else the second time.
  const verdict = {
    holds: given?.holds,
    reason: given?.reason,
    told: given?.told,
    until: given?.until,
    again: given?.again,
  }
  if (isOdd(answer, verdict)) catchStray(answer, verdict)
  if (typeof verdict.holds !== 'boolean') return { holds: false, reason: 'it gave no verdict' }
  const reason = typeof verdict.reason === 'string' ? shown(verdict.reason) : 'it gave no reason'
  if (!verdict.holds) {
    return {
      holds: false,
      reason,
      ...(typeof verdict.told === 'string' && verdict.told !== '' ? { told: shown(verdict.told) } : {}),
      ...(isMoment(verdict.again) ? { again: verdict.again } : {}),
    }
  }
  if (verdict.until === undefined) return { holds: true, reason }
  if (!isMoment(verdict.until)) return { holds: false, reason: `it gave no usable end: ${reason}` }
  // A verdict that has ended would grant nothing, and be evaluated again and again.
  if (verdict.until <= at) return { holds: false, reason: `it has ended already: ${reason}` }
  return { holds: true, reason, until: unixTime(verdict.until) }
}

/** Whether an answer may hold a promise: it has other members than a verdict, or one that is an object. Fast, as few do. */
const isOdd = (
  answer: unknown,
  { holds, reason, told, until, again }: Readonly<Record<'holds' | 'reason' | 'told' | 'until' | 'again', unknown>>,
): boolean => {
  if (typeof reason !== 'string' || isObject(holds) || isObject(told) || isObject(until) || isObject(again)) return true
  for (const name in answer as object) {
    if (name !== 'holds' && name !== 'reason' && name !== 'until' && name !== 'told' && name !== 'again') return true
  }
  return false
}

const isObject = (member: unknown): boolean => typeof member === 'object' || typeof member === 'function'

const shown = (text: string): string => visibleCharacters(text.slice(0, 500))

/** Whether a value is a time within about the range of ECMAScript's dates. */
const isMoment = (time: unknown): time is UnixTime => typeof time === 'number' && Math.abs(time) < 8e15
