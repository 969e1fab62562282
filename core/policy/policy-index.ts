import type { PolicyCondition } from '../contract/policy-condition.ts'
import type { Extensions } from '../contract/extension-point.ts'
import { earlier, type UnixTime } from '../runtime/time.ts'
import { compilePolicy, type CompiledPolicy, type PolicyRule } from './compiled-policy.ts'
import { evaluateCondition, type ConditionExplanation } from './evaluate-condition.ts'
import type { Answers } from './hearing.ts'
import type { PolicyExplanation, PolicyQuestion, PolicyVerdict } from './policy-verdict.ts'

/**
 * Policies indexed by resource and group, so that an evaluation looks at the policies of its resource only.
 *
 * All conditions of a policy must hold (AND); any conforming policy grants access (OR); if several do, the longest
 * counts. A policy conforms until the earliest end of its conditions and the token. Without a policy there is no
 * access. Each verdict has an explanation. Policies in shadow mode are evaluated like all others, but affect only the
 * explanation.
 */
export class PolicyIndex {
  readonly #conditions: Extensions<PolicyCondition>
  readonly #policies = new Map<string, CompiledPolicy>()
  readonly #byResource = new Map<string, Map<string, CompiledPolicy>>()
  readonly #byGroup = new Map<string, Map<string, CompiledPolicy>>()

  constructor(conditions: Extensions<PolicyCondition>) {
    this.#conditions = conditions
  }

  /** Adds a policy, or replaces the one of the same id. */
  put(rule: PolicyRule): void {
    this.remove(rule.id)
    this.#insert(compilePolicy(rule, this.#conditions))
  }

  /** Copies the compiled policies on a resource from another index. */
  share(from: PolicyIndex, resourceId: string): void {
    for (const policy of from.#byResource.get(resourceId)?.values() ?? []) this.#insert(policy)
  }

  remove(id: string): void {
    const policy = this.#policies.get(id)
    if (policy === undefined) return
    this.#policies.delete(id)
    erase(this.#byResource, policy.rule.resourceId, id)
    erase(this.#byGroup, policy.rule.groupId, id)
  }

  /** Returns the resources to which enabled, enforced policies give these groups access, regardless of conditions. */
  resourcesOf(groupIds: ReadonlySet<string>): Set<string> {
    const resources = new Set<string>()
    for (const groupId of groupIds) {
      for (const { rule } of this.#byGroup.get(groupId)?.values() ?? []) {
        if (counts(rule)) resources.add(rule.resourceId)
      }
    }
    return resources
  }

  /** Returns the groups to which enabled, enforced policies give access to a resource, regardless of conditions. */
  groupsOf(resourceId: string): Set<string> {
    const groups = new Set<string>()
    for (const { rule } of this.#byResource.get(resourceId)?.values() ?? []) {
      if (counts(rule)) groups.add(rule.groupId)
    }
    return groups
  }

  /** Returns all policies on a resource, disabled ones and those in shadow mode too. */
  rulesOn(resourceId: string): PolicyRule[] {
    return [...(this.#byResource.get(resourceId)?.values() ?? [])].map(({ rule }) => rule)
  }

  /** Returns the resources of all policies of a group, disabled ones and those in shadow mode too. */
  resourcesOfGroup(groupId: string): Set<string> {
    return new Set([...(this.#byGroup.get(groupId)?.values() ?? [])].map(({ rule }) => rule.resourceId))
  }

  /** Counts the policies on a resource, all of which an evaluation looks at. */
  countOn(resourceId: string): number {
    return this.#byResource.get(resourceId)?.size ?? 0
  }

  /** Evaluates the policies of a resource. `answers` are those of conditions that run in threads of their own. */
  evaluate(question: PolicyQuestion, answers?: Answers): PolicyVerdict {
    const explanation: PolicyExplanation[] = []
    for (const policy of this.#byResource.get(question.resourceId)?.values() ?? []) {
      explanation.push(explain(policy, question, answers))
    }
    return conclude(explanation, question)
  }

  #insert(policy: CompiledPolicy): void {
    const { id, resourceId, groupId } = policy.rule
    this.#policies.set(id, policy)
    insert(this.#byResource, resourceId, policy)
    insert(this.#byGroup, groupId, policy)
  }
}

const explain = (
  { rule, conditions }: CompiledPolicy,
  question: PolicyQuestion,
  heard: Answers | undefined,
): PolicyExplanation => {
  if (!question.groupIds.has(rule.groupId)) return explanation(rule, 'not_a_member', [])
  if (rule.isDisabled) return explanation(rule, 'disabled', [])
  // All conditions are evaluated, even after one that does not hold, so that the explanation is complete.
  const answers = conditions.map((condition) => evaluateCondition(condition, question.facts, question.at, heard))
  if (answers.some(({ holds }) => !holds)) return explanation(rule, 'fails', answers)
  const conforming = explanation(rule, 'conforms', answers)
  const until = answers.reduce<UnixTime | undefined>(
    (end, answer) => earlier(end, answer.until),
    question.tokenExpiresAt,
  )
  if (until !== undefined) conforming.until = until
  return conforming
}

const explanation = (
  { id, groupId, description, mode }: PolicyRule,
  outcome: PolicyExplanation['outcome'],
  conditions: ConditionExplanation[],
): PolicyExplanation => ({ policyId: id, groupId, description, mode, outcome, conditions })

const conclude = (explanation: PolicyExplanation[], { tokenExpiresAt, at }: PolicyQuestion): PolicyVerdict => {
  if (tokenExpiresAt !== undefined && tokenExpiresAt <= at) {
    return { allowed: false, denied: 'token_expired', explanation }
  }
  let best: PolicyExplanation | undefined
  const enforced = explanation.filter(({ mode }) => mode === 'enforced')
  for (const policy of enforced) {
    if (policy.outcome === 'conforms' && (best === undefined || isBetter(policy, best))) best = policy
  }
  if (best !== undefined) {
    const { policyId, groupId, until } = best
    return { allowed: true, policyId, groupId, ...(until === undefined ? {} : { expiresAt: until }), explanation }
  }
  const failing = enforced.filter(({ outcome }) => outcome === 'fails')
  if (failing.length === 0) return { allowed: false, denied: 'not_found', explanation }
  const again = failing.reduce<UnixTime | undefined>(
    (first, { conditions }) => earlier(first, nextChance(conditions)),
    undefined,
  )
  return { allowed: false, denied: 'forbidden', ...(again === undefined ? {} : { again }), explanation }
}

const counts = ({ isDisabled, mode }: PolicyRule): boolean => !isDisabled && mode === 'enforced'

/**
 * Whether a policy is preferred to another: it ends later or, among equals, has the lower id, so that the result is
 * deterministic.
 */
const isBetter = (a: PolicyExplanation, b: PolicyExplanation): boolean => {
  const [endA, endB] = [a.until ?? Infinity, b.until ?? Infinity]
  return endA === endB ? a.policyId < b.policyId : endA > endB
}

/**
 * Returns the earliest time at which all failing conditions of a policy may hold; undefined if one has no such time.
 */
const nextChance = (conditions: readonly ConditionExplanation[]): UnixTime | undefined => {
  let last: UnixTime | undefined
  for (const { holds, again } of conditions) {
    if (holds) continue
    if (again === undefined) return undefined
    if (last === undefined || again > last) last = again
  }
  return last
}

const insert = (index: Map<string, Map<string, CompiledPolicy>>, key: string, policy: CompiledPolicy): void => {
  const entries = index.get(key) ?? new Map<string, CompiledPolicy>()
  index.set(key, entries.set(policy.rule.id, policy))
}

const erase = (index: Map<string, Map<string, CompiledPolicy>>, key: string, id: string): void => {
  const entries = index.get(key)
  entries?.delete(id)
  if (entries?.size === 0) index.delete(key)
}
