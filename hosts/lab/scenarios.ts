import { ACCESS } from './access.ts'
import { REACH } from './reach.ts'
import type { Scenario } from './scenario.ts'
import { SETTING_UP } from './setting-up.ts'
import { TRYING_PLUGINS } from './trying-plugins.ts'

/** Scenarios of the lab, by name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  story: { steps: [...SETTING_UP, ...ACCESS], needsProvider: true },
  plugins: { steps: TRYING_PLUGINS, needsProvider: false },
  ...REACH,
}
