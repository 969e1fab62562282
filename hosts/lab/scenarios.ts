import { ACCESS } from './access.ts'
import { SETTING_UP } from './setting-up.ts'
import type { Step } from './step.ts'
import type { World } from './world.ts'

/** Scenarios of the lab, by name. */
export const SCENARIOS: Readonly<Record<string, readonly Step<World>[]>> = {
  story: [...SETTING_UP, ...ACCESS],
}
