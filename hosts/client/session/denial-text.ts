import type { DenialDetail } from '../../../core/control/messages.ts'
import { SECOND, unixTime } from '../../../core/runtime/time.ts'
import { utcText } from '../../../core/runtime/utc-text.ts'
import { visibleLine } from '../../runtime/visible-text.ts'

/** Explains a denial to the person in sentences: first its meaning, then each condition that does not hold. */
export const denialText = (reason: string, details: readonly DenialDetail[] = [], limit?: string): string[] => [
  (limit === undefined ? undefined : `A bound of the portal is reached: ${plain(limit)}.`) ??
    (Object.hasOwn(REASONS, reason) ? REASONS[reason] : undefined) ??
    `The portal denies it: ${plain(reason)}.`,
  ...details.flatMap(({ description, conditions }) =>
    conditions.filter(({ holds }) => !holds).map((condition) => obstacle(description, condition)),
  ),
]

const REASONS: Readonly<Record<string, string>> = {
  forbidden: 'Your access to it depends on conditions that do not hold now.',
  not_found: 'It is not there for you any more.',
  version_mismatch: 'Its gateways are of another version than this client.',
  transport_mismatch: 'Its gateways carry packets in another way than this client: by another tunnel transport.',
  disabled: 'It is disabled.',
}

const obstacle = (description: string | null, { reason, again }: DenialDetail['conditions'][number]): string => {
  const until = again === undefined ? '' : `, until ${utcText(unixTime(again * SECOND))}`
  const by = description === null ? '' : ` (policy “${plain(description)}”)`
  const text = plain(reason)
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${until}${by}.`
}

/** Makes a text of the portal safe for a terminal: on one line, without control characters, of limited length. */
const plain = (text: string): string => visibleLine(text.replace(/\p{Cc}+/gu, ' ')).slice(0, 500)
