import type { Step } from './step.ts'
import { ACCESS } from './story/access.ts'
import { SETTING_UP } from './story/setting-up.ts'
import type { World } from './story/world.ts'

/** What the lab can walk through, by name. */
export const SCENARIOS: Readonly<Record<string, readonly Step<World>[]>> = {
  story: [...SETTING_UP, ...ACCESS],
}
