import { Facts } from '../../../core/contract/facts.ts'
import type { PolicyExplanation } from '../../../core/policy/policy-verdict.ts'
import type { Client } from '../store/entities.ts'

type Verification = Pick<Client, 'verifiedAt' | 'deviceKey' | 'isProven' | 'acceptsUnproven'>

/**
 * Whether a client counts as verified: an admin verified it, and it proves the key that it had then; or the admin
 * accepted that it has none.
 */
export const isVerified = (client: Verification): boolean => client.verifiedAt !== null && !isUnproven(client)

/** Whether an admin verified a client, but the device that connected last did not prove that client's device key. */
export const isUnproven = ({ verifiedAt, deviceKey, isProven, acceptsUnproven }: Verification): boolean =>
  verifiedAt !== null && !acceptsUnproven && (deviceKey === null || !isProven)

/** Reason why a verified device counts as not verified: part of a sentence. */
export const UNPROVEN_TEXT = 'it did not prove that it is the one that was verified'

/** The same reason, in words for the device's owner. */
const UNPROVEN_TOLD = 'this device did not prove that it is the one that was verified; ask an admin'

/**
 * Adds, to the reasons of conditions that failed because they want a verified device, why this device does not count as
 * verified.
 */
export const withUnproven = (explanation: readonly PolicyExplanation[]): PolicyExplanation[] =>
  explanation.map((policy) => ({
    ...policy,
    conditions: policy.conditions.map((judged) =>
      !judged.holds && judged.facts[Facts.device.isVerified.name]?.value === false
        ? { ...judged, reason: `${judged.reason}: ${UNPROVEN_TEXT}`, told: UNPROVEN_TOLD }
        : judged,
    ),
  }))

/**
 * Returns the device key of a client's row after a connect, and whether that connect proved it. The first key stays,
 * even if a device connects with another one.
 */
export const deviceKeyAfter = (
  known: Pick<Client, 'deviceKey'> | undefined,
  shown: string | null,
): Pick<Client, 'deviceKey' | 'isProven'> => {
  const deviceKey = known?.deviceKey ?? shown
  return { deviceKey, isProven: shown !== null && shown === deviceKey }
}
