import { ACCESS } from './access.ts'
import { NAT64 } from './nat64.ts'
import { PACKET_LOSS } from './packet-loss.ts'
import { REACH } from './reach.ts'
import { ROAM } from './roam.ts'
import type { Scenario } from './scenario.ts'
import { SETTING_UP } from './setting-up.ts'
import { UDP_BLOCKED } from './udp-blocked.ts'
import { TRYING_PLUGINS } from './trying-plugins.ts'

/** Scenarios of the lab, by name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  story: { steps: [...SETTING_UP, ...ACCESS], needsProvider: true },
  plugins: { steps: TRYING_PLUGINS, needsProvider: false },
  ...REACH,
  roam: ROAM,
  nat64: NAT64,
  'udp-blocked': UDP_BLOCKED,
  'packet-loss': PACKET_LOSS,
}
