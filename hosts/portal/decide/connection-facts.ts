import type { FactName } from '../../../core/policy/known-facts.ts'
import type { ConditionExplanation } from '../../../core/policy/evaluate-condition.ts'

/** Whether a fact is one of the connection itself, and not of the device or the token. */
const OF_CONNECTION: Readonly<Record<FactName, boolean>> = {
  remoteIp: true,
  identityProviderId: false,
  clientVerified: false,
}

/** Whether a grant by these conditions rests on facts that only a connection of the client can show (P11). */
export const restsOnConnection = (conditions: readonly ConditionExplanation[]): boolean =>
  conditions.some(({ reads }) => reads.some((name) => Object.hasOwn(OF_CONNECTION, name) && OF_CONNECTION[name]))
