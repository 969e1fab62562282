import type { PolicyExplanation } from '../../../core/policy/policy-verdict.ts'
import type { Client } from '../store/entities.ts'

type Vouched = Pick<Client, 'verifiedAt' | 'deviceKey' | 'isProven' | 'acceptsUnproven'>

/** Whether an admin vouched for the device that is behind a row now: the one with the key that she saw, or the row without any. */
export const isVerified = (client: Vouched): boolean => client.verifiedAt !== null && !isUnproven(client)

/** Whether an admin vouched for the device of a row, and whoever connected under it last did not show that device's key. */
export const isUnproven = ({ verifiedAt, deviceKey, isProven, acceptsUnproven }: Vouched): boolean =>
  verifiedAt !== null && !acceptsUnproven && (deviceKey === null || !isProven)

/** Why a verified device counts as not verified: a sentence's part for people. */
export const UNPROVEN_TEXT = 'it did not prove that it is the one that was verified'

/** The same for the person whose device it is. */
const UNPROVEN_TOLD = 'this device did not prove that it is the one that was verified; ask an admin'

/** Adds to the reasons of conditions that wanted a verified device why this one does not count as such. */
export const withUnproven = (explanation: readonly PolicyExplanation[]): PolicyExplanation[] =>
  explanation.map((policy) => ({
    ...policy,
    conditions: policy.conditions.map((judged) =>
      !judged.holds && judged.facts.clientVerified === false
        ? { ...judged, reason: `${judged.reason}: ${UNPROVEN_TEXT}`, told: UNPROVEN_TOLD }
        : judged,
    ),
  }))

/** The device key that a row has after a connect, and whether that connect showed it: the first key stays, whoever comes with another. */
export const deviceKeyAfter = (
  known: Pick<Client, 'deviceKey'> | undefined,
  shown: string | null,
): Pick<Client, 'deviceKey' | 'isProven'> => {
  const deviceKey = known?.deviceKey ?? shown
  return { deviceKey, isProven: shown !== null && shown === deviceKey }
}
