import { RemoteIp } from '../../plugins/condition-remote-ip/remote-ip.ts'
import { Settings as RemoteIpSettings } from '../../plugins/condition-remote-ip/config.ts'
import { TimeWindow } from '../../plugins/condition-time-window/time-window.ts'
import { Settings as TimeWindowSettings } from '../../plugins/condition-time-window/config.ts'
import type { PolicyCondition } from '../../core/contract/policy-condition.ts'
import type { Extension, SettingsSchema } from '../../core/contract/extension-point.ts'
import { Facts } from '../../core/contract/facts.ts'
import { unixTime } from '../../core/runtime/time.ts'
import type { Change } from '../../hosts/portal/store/entities.ts'
import { knownFacts } from '../kit/facts.ts'
import { judgeAccess } from '../../hosts/portal/decide/access.ts'
import { View } from '../../hosts/portal/decide/view.ts'
import { ANY_SETTINGS, condition, extension, type DeclaredCondition } from '../kit/extensions.ts'
import { costsInTurn, type Figure, type Work } from './figure.ts'

/** Size of an account. Each resource has five policies, each actor ten memberships, at either scale. */
interface Scale {
  policies: number
  groups: number
  memberships: number
}

const FACTS = knownFacts({ 'client.address': '198.51.100.7', 'device.is_verified': true })
const SCALES: readonly Scale[] = [
  { policies: 1_000, groups: 100, memberships: 10_000 },
  { policies: 10_000, groups: 1_000, memberships: 100_000 },
]
const POLICIES_OF_A_RESOURCE = 5
const GROUPS_OF_AN_ACTOR = 10

type Parse = { safeParse: (value: unknown) => { success: boolean; data?: unknown } }

const provided = (
  key: string,
  { value, facts }: DeclaredCondition,
  schema: Parse,
): [string, Extension<PolicyCondition>] => {
  const safeParse: SettingsSchema['safeParse'] = (settings) => {
    const parsed = schema.safeParse(settings)
    return parsed.success ? { ok: true, settings: parsed.data } : { ok: false, problems: [] }
  }
  return [key, extension(key, value, { settings: { ...ANY_SETTINGS, safeParse }, facts })]
}

/** Conditions of a policy: a third have none, a third a network, a third a network and hours. */
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

const ACCOUNT = 'account'
const NOON = Date.UTC(2026, 0, 5, 11)

/** The view of a portal of such a size, as it is after its start. */
const viewOf = ({ policies, groups, memberships }: Scale): View => {
  const view = new View(
    new Map([
      provided('remote-ip', condition(new RemoteIp(), { address: Facts.client.address }), RemoteIpSettings),
      provided('time-window', condition(new TimeWindow()), TimeWindowSettings),
    ]),
  )
  const put = (change: object) => view.apply({ accountId: ACCOUNT, ...change } as Change)
  const base = { accountId: ACCOUNT, createdAt: unixTime(0) }
  const resources = policies / POLICIES_OF_A_RESOURCE
  for (let index = 0; index < resources; index++) {
    const id = `resource-${index}`
    put({ entity: 'resources', id, after: { ...base, id, siteId: 'site', name: id } })
  }
  for (let index = 0; index < memberships; index++) {
    const id = `membership-${index}`
    const actor = index % (memberships / GROUPS_OF_AN_ACTOR)
    const groupId = `group-${(actor + Math.floor((index * GROUPS_OF_AN_ACTOR) / memberships) * 11) % groups}`
    put({ entity: 'memberships', id, after: { ...base, id, actorId: `actor-${actor}`, groupId } })
  }
  for (let index = 0; index < policies; index++) {
    const id = `policy-${index}`
    const after = {
      ...base,
      id,
      groupId: `group-${(index * 3) % groups}`,
      resourceId: `resource-${index % resources}`,
      description: null,
      conditions: conditionsOf(index),
      isDisabled: false,
      mode: 'enforced',
    }
    put({ entity: 'policies', id, after })
  }
  return view
}

/**
 * Measures the evaluator's answers a second on a portal's view, with their explanations, and their growth with the
 * account. For "one actor and resource" the larger account has ten times as many policies that are not concerned; for
 * "another pair each time" no data is in a processor cache, and the larger account has more of it.
 */
export const benchPolicy = async (): Promise<Figure[]> => {
  const accounts = SCALES.map((scale) => new AskedAccount(scale))
  const ones = costsInTurn(accounts.map((account) => account.askingOne()))
  const anys = costsInTurn(accounts.map((account) => account.askingAny()))
  const rates = (what: string, costs: readonly number[]): Figure[] => [
    ...accounts.map(({ name }, index) => ({
      name: `evaluations of ${what}, ${name}`,
      value: 1e9 / (costs[index] ?? 0),
      unit: '/s of a core',
      goal: 'over 100,000',
    })),
    {
      name: `evaluations of ${what}: growth of the cost`,
      value: ((costs.at(-1) ?? 0) / (costs[0] ?? 1) - 1) * 100,
      unit: '%',
      goal: 'none',
    },
  ]
  return [...rates('one actor and resource', ones), ...rates('another pair each time', anys)]
}

class AskedAccount {
  readonly name: string
  readonly #view: View
  readonly #actors: readonly string[]
  readonly #resources: readonly string[]
  #asked = 0

  constructor(scale: Scale) {
    const { policies, groups, memberships } = scale
    const inWords = (count: number): string => count.toLocaleString('en')
    this.name = `${inWords(policies)} policies, ${inWords(groups)} groups, ${inWords(memberships)} memberships`
    this.#view = viewOf(scale)
    this.#actors = Array.from({ length: memberships / GROUPS_OF_AN_ACTOR }, (_, at) => `actor-${at}`)
    this.#resources = Array.from({ length: policies / POLICIES_OF_A_RESOURCE }, (_, at) => `resource-${at}`)
  }

  askingOne(): Work {
    return () => this.#ask(0, 0)
  }

  askingAny(): Work {
    return () => this.#ask((this.#asked * 7) % this.#actors.length, (this.#asked * 13) % this.#resources.length)
  }

  #ask(actor: number, resource: number): number {
    judgeAccess(this.#view, {
      accountId: ACCOUNT,
      actorId: this.#actors[actor] ?? '',
      resourceId: this.#resources[resource] ?? '',
      facts: FACTS,
      at: unixTime(NOON + (++this.#asked % 3_600_000)),
    })
    return 1
  }
}
