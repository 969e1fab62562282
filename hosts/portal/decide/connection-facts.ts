import type { FactName } from '../../../core/policy/known-facts.ts'
import type { ConditionExplanation } from '../../../core/policy/evaluate-condition.ts'

/** Whether a fact belongs to the connection, and not to the device or the token. */
const OF_CONNECTION: Readonly<Record<FactName, boolean>> = {
  remoteIp: true,
  identityProviderId: false,
  clientVerified: false,
}

/** Whether a grant under these conditions depends on facts that only a connection of the client has (P11). */
export const dependsOnConnection = (conditions: readonly ConditionExplanation[]): boolean =>
  conditions.some(({ reads }) => reads.some((name) => Object.hasOwn(OF_CONNECTION, name) && OF_CONNECTION[name]))
