import type { DenialDetail } from '../../../core/control/messages.ts'
import { Facts } from '../../../core/contract/facts.ts'
import { NOT_JUDGED, type ConditionExplanation } from '../../../core/policy/evaluate-condition.ts'
import type { PolicyExplanation } from '../../../core/policy/policy-verdict.ts'

/** Names of facts in the wire protocol, as released clients know them. */
const PROPERTY_OF_FACT: ReadonlyMap<string, string> = new Map([
  [Facts.client.address.name, 'remote_ip'],
  [Facts.signIn.providerId.name, 'provider_id'],
  [Facts.device.isVerified.name, 'client_verified'],
])

/** Wire name for conditions that read no fact, as they can then only depend on the time. */
const PROPERTY_OF_TIME = 'current_utc_datetime'

/**
 * Returns wire names of the facts that failed conditions read, sorted, each once: the form that released clients
 * understand.
 */
export const violatedProperties = (explanation: readonly PolicyExplanation[]): string[] => {
  const properties = new Set<string>()
  for (const { conditions } of explanation) {
    for (const { holds, reads, judgedBy } of conditions) {
      if (holds || judgedBy === undefined) continue
      if (reads.length === 0) properties.add(PROPERTY_OF_TIME)
      for (const fact of reads) {
        const property = PROPERTY_OF_FACT.get(fact)
        if (property !== undefined) properties.add(property)
      }
    }
  }
  return [...properties].toSorted()
}

/**
 * Returns the failed policies of a denial with their conditions, for Portreeve's own clients; only policies that
 * concern the person.
 */
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

/** Returns a condition's reason in words for the person concerned; says which fact about them is unknown. */
export const personalReason = ({ judgedBy, reads, facts, holds, reason, told }: ConditionExplanation): string => {
  if (holds) return reason
  if (told !== undefined) return told
  const unknown = reads.find((name) => facts[name] === undefined)
  const text = unknown === undefined ? undefined : UNKNOWN.get(unknown)
  if (text !== undefined) return text
  if (judgedBy === undefined) return NOT_JUDGED
  return `a condition of this policy is not met: ${reason}`
}

const NO_PROVIDER = 'you did not sign in with an identity provider'
const NO_DEVICE = 'it depends on your device, and which one you will use is not known here'

const UNKNOWN: ReadonlyMap<string, string> = new Map([
  [Facts.client.address.name, 'your address is not known'],
  [Facts.actor.email.name, 'you have no e-mail address here'],
  ...Object.values(Facts.signIn).map(({ name }): [string, string] => [name, NO_PROVIDER]),
  ...Object.values(Facts.device).map(({ name }): [string, string] => [name, NO_DEVICE]),
])
