import type { Routers } from './network.ts'
import type { Step } from './step.ts'
import type { World } from './world.ts'

/** Steps that the lab walks through, and what they need. */
export interface Scenario {
  steps: readonly Step<World>[]
  /** Whether people sign in with the organisation's own identity provider, which takes packages of its own. */
  needsProvider: boolean
  /** Machines that are behind routers of their own. */
  routers?: Routers
}
