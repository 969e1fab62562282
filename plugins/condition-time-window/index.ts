// Allows access at certain hours of the week, on the wall clock of a zone.
//
//   plugins:
//     - use: builtin:condition-time-window
//
// and in a policy: { "condition": "time-window", "settings": { "timezone": "Europe/Berlin",
//   "ranges": [{ "days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00" }] } }
import { definePlugin, PolicyConditions } from 'portreeve'
import { Settings } from './config.ts'
import { TimeWindow } from './time-window.ts'

export const plugin = definePlugin({
  name: 'condition-time-window',
  api: 1,
  description: 'Allows access at certain hours of the week, on the wall clock of a zone.',
  setup({ provide }) {
    provide(PolicyConditions, 'time-window', { settings: Settings, create: () => new TimeWindow() })
  },
})
