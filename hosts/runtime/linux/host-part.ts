import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'

/** Part of this machine's configuration that is kept in force: routes, filter, resolver … */
export interface HostPart {
  /** Name in messages, in the plural: `routes`. */
  readonly name: string
  /** Whether no event tells of its changes, so that it has to be compared every few seconds. */
  readonly isUnwatched?: boolean
  /** Compares what is wanted with what is there; changes nothing. */
  compare: () => Promise<Comparison>
  /** Makes the part as it is wanted, by differences, so that a repetition disturbs nothing. */
  repair: () => Promise<void>
  /** Explains why comparing or repairing failed. */
  problemOf: (error: unknown) => HostProblem
}
