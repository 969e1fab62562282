import { after, type Instant } from '../runtime/time.ts'
import { isRelayed, type CandidatePair } from './candidate-pair.ts'
import type { CandidatePairs } from './candidate-pairs.ts'
import { DOUBTFUL_TRIES, RELAYS_REST_AFTER_MS } from './check-timing.ts'
import type { PathInUse } from './path-in-use.ts'

/**
 * Whether a pair over a relay need not be checked: the path in use is so for a while, and is not in doubt. The best pair
 * that leads over another relay than that path does not rest: it is the spare one.
 */
export const mayRest = (
  pair: CandidatePair,
  { pairs, inUse: { selected, selectedAt } }: { pairs: CandidatePairs; inUse: PathInUse },
  now: Instant,
): boolean => {
  if (selected === undefined || pair === selected || !isRelayed(pair)) return false
  if (after(selectedAt, RELAYS_REST_AFTER_MS) > now || (selected.check?.tries ?? 0) >= DOUBTFUL_TRIES) return false
  return !isRelayed(selected) || pairs.spareOf(selected) !== pair
}
