import type { DenialDetail } from '../../../core/control/messages.ts'
import type { FactName } from '../../../core/policy/known-facts.ts'
import { NOT_JUDGED, type ConditionExplanation } from '../../../core/policy/evaluate-condition.ts'
import type { PolicyExplanation } from '../../../core/policy/policy-verdict.ts'

/** The names that released clients know for what a condition looks at. */
const PROPERTY_OF_FACT: Record<FactName, string> = {
  remoteIp: 'remote_ip',
  identityProviderId: 'provider_id',
  clientVerified: 'client_verified',
}

/** What conditions that look at no fact can look at: the moment. */
const PROPERTY_OF_TIME = 'current_utc_datetime'

/** What stood in the way, for released clients: sorted, each once. */
export const violatedProperties = (explanation: readonly PolicyExplanation[]): string[] => {
  const properties = new Set<string>()
  for (const { conditions } of explanation) {
    for (const { holds, reads, judgedBy } of conditions) {
      if (holds || judgedBy === undefined) continue
      if (reads.length === 0) properties.add(PROPERTY_OF_TIME)
      for (const fact of reads) {
        // What a plugin declares is its own: a fact that does not exist denies, and has no name here.
        if (Object.hasOwn(PROPERTY_OF_FACT, fact)) properties.add(PROPERTY_OF_FACT[fact])
      }
    }
  }
  return [...properties].toSorted()
}

/** What stood in the way, for Portreeve's clients: of the policies that concern the person, and no others. */
export const denialDetails = (explanation: readonly PolicyExplanation[]): DenialDetail[] =>
  explanation
    .filter(({ outcome }) => outcome === 'fails')
    .map(({ policyId, description, conditions }) => ({
      policy_id: policyId,
      description,
      conditions: conditions.map((judged) => ({
        condition: judged.condition,
        holds: judged.holds,
        reason: personalReason(judged),
        ...(judged.again === undefined ? {} : { again: Math.ceil(judged.again / 1000) }),
      })),
    }))

/** A condition's reason, for the person whom it concerns: what is not known of her is said in words. */
export const personalReason = ({ judgedBy, reads, facts, holds, reason, told }: ConditionExplanation): string => {
  if (holds) return reason
  const unknown = reads.find((name) => facts[name] === undefined)
  if (unknown !== undefined && Object.hasOwn(UNKNOWN, unknown)) return UNKNOWN[unknown]
  if (judgedBy === undefined) return NOT_JUDGED
  return told ?? `a condition of this policy is not met: ${reason}`
}

const UNKNOWN: Readonly<Record<FactName, string>> = {
  remoteIp: 'your address is not known',
  identityProviderId: 'you did not sign in with an identity provider',
  clientVerified: 'it depends on your device, and which one you will use is not known here',
}
