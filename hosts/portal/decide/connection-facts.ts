import { Facts } from '../../../core/contract/facts.ts'
import type { ConditionExplanation } from '../../../core/policy/evaluate-condition.ts'

/** Built-in facts that belong to the connection of a client, and not to its device or token. */
const OF_CONNECTION: ReadonlySet<string> = new Set(
  [Facts.client.address, Facts.device.os, Facts.device.osVersion, Facts.device.version, Facts.device.userAgent].map(
    ({ name }) => name,
  ),
)

/** Whether a grant under these conditions depends on facts that only a connection of the client has (P11). */
export const dependsOnConnection = (conditions: readonly ConditionExplanation[]): boolean =>
  conditions.some(
    ({ reads, facts }) =>
      reads.some((name) => OF_CONNECTION.has(name)) ||
      // Facts that clients say of their machines come over the connection, too.
      Object.values(facts).some(({ source }) => source === 'client'),
  )
