import { BUILT_IN_FACTS, type Fact } from '../../../core/contract/facts.ts'
import type { Answers } from '../../../core/policy/hearing.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import { judgeAccess, type AccessVerdict } from '../decide/access.ts'
import type { SupposedValues } from '../decide/request-facts.ts'
import { personStanding } from '../decide/standing.ts'
import type { View } from '../decide/view.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import { knownOf } from './known-facts.ts'

/**
 * Access of one actor to one resource. `none`: the resource does not exist for the actor. `denied`: it exists, but the
 * conditions hold for no device of the actor. `allowed`: they hold for a device, or without any device.
 */
export type PairState = 'none' | 'denied' | 'allowed'

/** State of a pair with its reason, in words for admins. */
export interface JudgedState {
  state: PairState
  why: string
  /** Time at which a denial may end, if known. */
  again?: UnixTime
}

/** A pair of actor and resource, with the time and the facts to suppose. */
export interface PairQuestion {
  accountId: string
  actorId: string
  resourceId: string
  at?: UnixTime | undefined
  facts?: SupposedValues | undefined
  /** Rows to judge by: the portal's, or those that supposed changes would leave. */
  from: Pick<View, 'get' | 'groupsOf' | 'policies'>
}

/** Judges a pair for each device of the actor and for none, by what is known of them: one that is allowed is enough. */
export const judgedState = (
  known: Knowledge,
  { resourceId, from, ...person }: PairQuestion,
  now: Instant,
  answers: Answers | undefined,
): JudgedState => new PersonJudge(known, person, now).state({ resourceId, from }, answers)

/** Judges one actor's access to several resources: what is known of the actor's devices is collected once. */
export class PersonJudge {
  readonly #known: Knowledge
  readonly #person: Omit<PairQuestion, 'resourceId' | 'from'>
  readonly #withoutDevice: Device
  /** Devices of the actor; undefined until one is looked at, as most access does not depend on them. */
  #devices: readonly Device[] | undefined
  readonly #device: (clientId?: string) => Device

  constructor(known: Knowledge, person: Omit<PairQuestion, 'resourceId' | 'from'>, now: Instant) {
    const { at, facts, actorId, accountId } = person
    this.#known = known
    this.#person = person
    this.#device = (clientId) => ({
      ...knownOf(known, { accountId, actorId, clientId, at, ...(facts && { facts }) }, now),
      differs: new Map(),
    })
    this.#withoutDevice = this.#device()
  }

  state({ resourceId, from }: Pick<PairQuestion, 'resourceId' | 'from'>, answers: Answers | undefined): JudgedState {
    if (typeof personStanding(from, this.#person) === 'string')
      return { state: 'none', why: 'the person is disabled or gone' }
    let judged: JudgedState = { state: 'none', why: 'no policy leads there' }
    let failing: readonly string[] = []
    for (const device of this.#all()) {
      // A condition answers by the facts that it declares: with the same ones as without a device, it fails again.
      if (device !== this.#withoutDevice && !this.#differs(device, failing, { resourceId, from })) continue
      const { accountId, actorId } = this.#person
      const about = { accountId, actorId, resourceId, facts: device.factsOn(resourceId, from) }
      const verdict = judgeAccess(from, { ...about, ...device.request }, answers)
      if (verdict.allowed) return { state: 'allowed', why: grantText(verdict) }
      // Whether policies lead there does not depend on the device.
      if (verdict.denied === 'not_found') return judged
      judged = {
        state: 'denied',
        why: denialText(verdict),
        ...('again' in verdict && verdict.again !== undefined ? { again: verdict.again } : {}),
      }
      if (device === this.#withoutDevice) failing = this.#declared(verdict)
    }
    return judged
  }

  /** Begins with the request without any device. */
  *#all(): Generator<Device> {
    yield this.#withoutDevice
    const devices = this.#devices ?? [...this.#known.view.clientsOf(this.#person.actorId)].map((id) => this.#device(id))
    this.#devices = devices
    yield* devices
  }

  /** Returns the names of the facts that the conditions declare which deny. */
  #declared({ explanation }: AccessVerdict): string[] {
    const names = new Set<string>()
    for (const { conditions } of explanation) {
      for (const { condition, holds } of conditions) {
        if (holds) continue
        for (const { name, by } of Object.values(this.#known.view.conditions.get(condition)?.facts ?? {})) {
          names.add(name)
          if (by !== undefined) names.add(by.name)
        }
      }
    }
    return [...names]
  }

  /** Whether one of these facts is another one with the device than without. */
  #differs(
    { differs, factsOn }: Device,
    names: readonly string[],
    { resourceId, from }: Pick<PairQuestion, 'resourceId' | 'from'>,
  ): boolean {
    return names.some((name) => {
      const known = differs.get(name)
      if (known !== undefined) return known
      const isOther = !isSame(
        factsOn(resourceId, from).get(name),
        this.#withoutDevice.factsOn(resourceId, from).get(name),
      )
      // Facts of plugins may depend on the resource as well.
      if (BUILT_IN_FACTS.has(name)) differs.set(name, isOther)
      return isOther
    })
  }
}

/** Facts, time and obstacles of a request with one device, or without any. */
type Device = ReturnType<typeof knownOf> & {
  /** Whether built-in facts are others with the device than without, by their names. */
  differs: Map<string, boolean>
}

const isSame = (a: Fact<unknown> | undefined, b: Fact<unknown> | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b))

const grantText = ({ policyId, explanation }: AccessVerdict & { allowed: true }): string => {
  const conditions = explanation.find((each) => each.policyId === policyId)?.conditions ?? []
  return conditions.length === 0 ? 'a policy without conditions' : conditions.map(({ reason }) => reason).join('; ')
}

/** Tells the conditions that fail of the policy with the fewest: the one that is nearest to granting. */
const denialText = ({ explanation }: AccessVerdict): string => {
  const failing = explanation
    .filter(({ mode, outcome }) => mode === 'enforced' && outcome === 'fails')
    .map(({ conditions }) => conditions.filter(({ holds }) => !holds).map(({ reason }) => reason))
    .toSorted((a, b) => a.length - b.length)
  return failing[0]?.join('; ') ?? 'its sign-in has ended'
}
