import { RemoteIp } from '../../plugins/condition-remote-ip/remote-ip.ts'
import { Settings as RemoteIpSettings } from '../../plugins/condition-remote-ip/config.ts'
import { TimeWindow } from '../../plugins/condition-time-window/time-window.ts'
import { Settings as TimeWindowSettings } from '../../plugins/condition-time-window/config.ts'
import type { PolicyCondition } from '../../core/contract/policy-condition.ts'
import type { Extension } from '../../core/plugin/extension-point.ts'
import { PolicyIndex } from '../../core/policy/policy-index.ts'
import { unixTime } from '../../core/runtime/time.ts'
import { ratePerSecond, type Figure } from './figure.ts'

const POLICIES = 1_000
const GROUPS = 100
const RESOURCES = 200
const GROUPS_OF_AN_ACTOR = 10

type Parse = { safeParse: (value: unknown) => { success: boolean; data?: unknown } }

const extension = (key: string, value: PolicyCondition, schema: Parse): [string, Extension<PolicyCondition>] => [
  key,
  {
    key,
    plugin: `condition-${key}`,
    version: '0.1.0',
    value,
    settings: {
      safeParse: (settings) => {
        const parsed = schema.safeParse(settings)
        return parsed.success ? { ok: true, settings: parsed.data } : { ok: false, problems: [] }
      },
      jsonSchema: () => ({}),
    },
  },
]

/** A third of the policies without conditions, a third bound to a network, a third to a network and hours. */
const conditionsOf = (index: number) =>
  [
    { condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24', '198.51.100.0/24', '2001:db8::/32'] } },
    {
      condition: 'time-window',
      settings: {
        timezone: 'Europe/Berlin',
        ranges: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' }],
      },
    },
  ].slice(0, index % 3)

/** How many questions a second the evaluator answers, with their explanations. */
export const benchPolicy = (): Promise<Figure[]> => {
  const index = new PolicyIndex(
    new Map([
      extension('remote-ip', new RemoteIp(), RemoteIpSettings),
      extension('time-window', new TimeWindow(), TimeWindowSettings),
    ]),
  )
  for (let policy = 0; policy < POLICIES; policy++) {
    index.put({
      id: `policy-${policy}`,
      groupId: `group-${policy % GROUPS}`,
      resourceId: `resource-${(policy * 7) % RESOURCES}`,
      description: null,
      conditions: conditionsOf(policy),
      isDisabled: false,
      mode: 'enforced',
    })
  }
  const actors = Array.from(
    { length: GROUPS },
    (_, actor) =>
      new Set(Array.from({ length: GROUPS_OF_AN_ACTOR }, (__, group) => `group-${(actor + group * 11) % GROUPS}`)),
  )
  const resources = Array.from({ length: RESOURCES }, (_, resource) => `resource-${resource}`)
  const noon = Date.UTC(2026, 0, 5, 11)
  let round = 0
  let allowed = 0
  let asked = 0
  const value = ratePerSecond(() => {
    round++
    const verdict = index.evaluate({
      groupIds: actors[round % actors.length] ?? new Set(),
      resourceId: resources[(round * 13) % RESOURCES] ?? '',
      facts: { remoteIp: '198.51.100.7', clientVerified: true },
      at: unixTime(noon + (round % 3_600_000)),
    })
    asked++
    if (verdict.allowed) allowed++
  })
  return Promise.resolve([
    { name: 'policy evaluations, 1,000 policies, 100 groups', value, unit: '/s' },
    { name: 'of these allowed', value: (allowed / asked) * 100, unit: '%' },
  ])
}
