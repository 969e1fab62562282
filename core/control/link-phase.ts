import type { Instant } from '../runtime/time.ts'

/** Phase of a link to the portal. */
export type Phase =
  | { name: 'idle' }
  /** `isAsked`: the portal has said for how long to wait. */
  | { name: 'waiting'; until: Instant; isAsked: boolean }
  | { name: 'opening'; until: Instant }
  | { name: 'joining'; ref: number; until: Instant }
  /** `doubted`: heartbeat that must be answered in time, or the connection is dead. `asked`: one whose answer is wanted. */
  | {
      name: 'up'
      beatAt: Instant
      unanswered: number[]
      doubted?: { ref: number; until: Instant } | undefined
      asked?: number | undefined
    }
