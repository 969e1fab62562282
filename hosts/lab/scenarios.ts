import { ACCESS } from './access.ts'
import { SETTING_UP } from './setting-up.ts'
import type { Step } from './step.ts'
import { TRYING_PLUGINS } from './trying-plugins.ts'
import type { World } from './world.ts'

export interface Scenario {
  steps: readonly Step<World>[]
  /** Whether people sign in with the organisation's own identity provider, which takes packages of its own. */
  needsProvider: boolean
}

/** Scenarios of the lab, by name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  story: { steps: [...SETTING_UP, ...ACCESS], needsProvider: true },
  plugins: { steps: TRYING_PLUGINS, needsProvider: false },
}
