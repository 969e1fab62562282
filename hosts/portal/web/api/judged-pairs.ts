import { setImmediate } from 'node:timers/promises'
import type { PairChange, PairPosition } from '../../explain/simulation.ts'
import type { Change } from '../../store/entities.ts'
import type { ApiContext } from './endpoint.ts'
import type { ApiParts } from './parts.ts'

/** Pairs of actor and resource that are judged at most, in some seconds. */
const MAX_PAIRS = 100_000
const PAIRS_AT_ONCE = 1_000

/** Pairs whose access changes would alter. */
export interface JudgedPairs {
  pairs: readonly PairChange[]
  /** Number of pairs that keep their access. */
  kept: number
  /** Whether all were judged: false where there are too many. */
  isWhole: boolean
}

/** Judges all pairs that changes concern, or as many as can be; fewer if the caller has disconnected. */
export const judgedPairs = async (
  decisions: ApiParts['decisions'],
  ctx: ApiContext,
  changes: readonly Change[],
): Promise<JudgedPairs> => {
  const pairs: PairChange[] = []
  let [kept, examined] = [0, 0]
  let after: PairPosition | undefined
  do {
    const question = { accountId: ctx.state.account.id, changes, after, limit: PAIRS_AT_ONCE }
    // Other work runs between two slices; the simulation is abandoned if the caller has disconnected.
    const simulation = await decisions.simulate(question, async () => {
      await setImmediate()
      return !ctx.req.socket.destroyed
    })
    if (simulation === undefined) break
    pairs.push(...simulation.pairs)
    kept += simulation.kept
    examined += simulation.examined
    after = simulation.next
  } while (after !== undefined && examined < MAX_PAIRS)
  return { pairs, kept, isWhole: after === undefined }
}
