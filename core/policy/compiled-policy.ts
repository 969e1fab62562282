import type { PolicyCondition } from '../contract/policy-condition.ts'
import { errorText } from '../plugin/error-text.ts'
import type { Extension, Extensions } from '../contract/extension-point.ts'

/** A stored policy: gives the members of a group access to a resource, if all its conditions hold. */
export interface PolicyRule {
  id: string
  groupId: string
  resourceId: string
  description: string | null
  conditions: readonly { condition: string; settings: unknown }[]
  isDisabled: boolean
  /** Mode of the policy. In mode `shadow` it is evaluated and recorded, but grants nothing. */
  mode: PolicyMode
}

export type PolicyMode = 'enforced' | 'shadow'

/** A policy whose conditions' settings have been validated, so that evaluations need not. */
export interface CompiledPolicy {
  rule: PolicyRule
  conditions: readonly CompiledCondition[]
}

/** A condition with validated settings. */
export interface JudgedCondition {
  key: string
  extension: Extension<PolicyCondition>
  settings: unknown
  /** Settings as they are stored, for a condition that validates them in a thread of its own. */
  stored: unknown
  /** Name and version of the plugin. */
  judgedBy: string
}

/** A condition with validated settings, or the reason why it cannot be evaluated. */
export type CompiledCondition =
  | JudgedCondition
  /** Condition that can never hold: no plugin provides it, or its settings are not valid. */
  | { key: string; problem: string }

/** Validates the settings of a policy's conditions. */
export const compilePolicy = (rule: PolicyRule, known: Extensions<PolicyCondition>): CompiledPolicy => ({
  rule,
  conditions: rule.conditions.map(({ condition, settings }) => compileCondition(condition, settings, known)),
})

const compileCondition = (key: string, settings: unknown, known: Extensions<PolicyCondition>): CompiledCondition => {
  const extension = known.get(key)
  if (extension === undefined) return { key, problem: `no plugin provides the condition "${key}"` }
  try {
    const parsed = extension.settings.safeParse(settings)
    if (parsed.ok) {
      return {
        key,
        extension,
        settings: parsed.settings,
        stored: settings,
        judgedBy: `${extension.plugin} ${extension.version}`,
      }
    }
    const problem = parsed.problems[0]
    return { key, problem: `its settings are not valid: ${problem?.path ?? ''}: ${problem?.message ?? ''}` }
  } catch (error) {
    return { key, problem: `its settings could not be checked: ${errorText(error)}` }
  }
}
