import type { PolicyCondition } from '../contract/policy-condition.ts'
import type { Extensions } from '../contract/extension-point.ts'
import { earlier, type UnixTime } from '../runtime/time.ts'
import { compilePolicy, type CompiledPolicy, type PolicyRule } from './compiled-policy.ts'
import { evaluateCondition, type ConditionExplanation } from './evaluate-condition.ts'
import type { PolicyExplanation, PolicyQuestion, PolicyVerdict } from './policy-verdict.ts'

/**
 * All policies, ordered such that a question touches those of its resource only.
 *
 * All conditions of a policy must hold (AND), any conforming policy grants (OR), and of the conforming ones the longest counts:
 * it ends at the earliest of its conditions and the token. Nothing grants by default. Every answer explains itself. Policies in
 * shadow mode are evaluated like all others, and change nothing but the explanation.
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

  /** Takes over the policies on a resource from another index, as they are compiled there. */
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

  /** The resources that an enabled, enforced policy joins to one of the groups, whatever its conditions say. */
  resourcesOf(groupIds: ReadonlySet<string>): Set<string> {
    const resources = new Set<string>()
    for (const groupId of groupIds) {
      for (const { rule } of this.#byGroup.get(groupId)?.values() ?? []) {
        if (counts(rule)) resources.add(rule.resourceId)
      }
    }
    return resources
  }

  /** The groups that an enabled, enforced policy joins to the resource. */
  groupsOf(resourceId: string): Set<string> {
    const groups = new Set<string>()
    for (const { rule } of this.#byResource.get(resourceId)?.values() ?? []) {
      if (counts(rule)) groups.add(rule.groupId)
    }
    return groups
  }

  /** The policies on a resource, all of them. */
  rulesOn(resourceId: string): PolicyRule[] {
    return [...(this.#byResource.get(resourceId)?.values() ?? [])].map(({ rule }) => rule)
  }

  /** The resources that any policy joins to the group, also one that is disabled or in shadow mode. */
  resourcesOfGroup(groupId: string): Set<string> {
    return new Set([...(this.#byGroup.get(groupId)?.values() ?? [])].map(({ rule }) => rule.resourceId))
  }

  /** How many policies are on a resource: so much is to be looked at to judge it. */
  countOn(resourceId: string): number {
    return this.#byResource.get(resourceId)?.size ?? 0
  }

  evaluate(question: PolicyQuestion): PolicyVerdict {
    const explanation: PolicyExplanation[] = []
    for (const policy of this.#byResource.get(question.resourceId)?.values() ?? []) {
      explanation.push(explain(policy, question))
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

const explain = ({ rule, conditions }: CompiledPolicy, question: PolicyQuestion): PolicyExplanation => {
  if (!question.groupIds.has(rule.groupId)) return explanation(rule, 'not_a_member', [])
  if (rule.isDisabled) return explanation(rule, 'disabled', [])
  // All are asked, also after one that does not hold: whoever reads the explanation wants to know all that is in the way.
  const answers = conditions.map((condition) => evaluateCondition(condition, question.facts, question.at))
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

/** Longer is better; of equally long ones the lower id, so that the order of insertion means nothing. */
const isBetter = (a: PolicyExplanation, b: PolicyExplanation): boolean => {
  const [endA, endB] = [a.until ?? Infinity, b.until ?? Infinity]
  return endA === endB ? a.policyId < b.policyId : endA > endB
}

/** When all failing conditions of a policy may hold at the earliest; unknown where one of them cannot say. */
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
