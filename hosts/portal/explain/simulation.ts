import type { Answers, Hearing } from '../../../core/policy/hearing.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import type { Actor, Change, Resource } from '../store/entities.ts'
import type { SupposedValues } from '../decide/request-facts.ts'
import { SupposedView } from '../decide/supposed-view.ts'
import type { View } from '../decide/view.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import { judgedState, type PairState } from './pair-state.ts'

/** Question what supposed changes would do to access. */
export interface SimulationQuestion {
  accountId: string
  /** Changes to suppose, applied in this order. */
  changes: readonly Change[]
  /** Time at which to judge; the present if absent. */
  at?: UnixTime | undefined
  /** Values of facts to suppose for every request, by name; others come from each device. */
  facts?: SupposedValues
  /** Last pair of the previous page. */
  after?: PairPosition | undefined
  /** Maximum number of changed pairs on a page. */
  limit: number
}

export interface PairPosition {
  resourceId: string
  actorId: string
}

export interface PairChange {
  actor: Pick<Actor, 'id' | 'name' | 'email'>
  resource: Pick<Resource, 'id' | 'name'>
  before: PairState
  after: PairState
  /**
   * `gains` and `loses`: access. `appears` and `disappears`: the resource exists under conditions that do not hold at
   * that time. `changes`: access stays, but the resource's site, address or filters differ.
   */
  effect: 'gains' | 'loses' | 'appears' | 'disappears' | 'changes'
  /** Reason of the state after the changes, for admins. */
  why: string
}

export interface Simulation {
  pairs: PairChange[]
  /** Number of examined pairs that keep their access. */
  kept: number
  /** Number of pairs examined for this page. */
  examined: number
  /** Number of pairs that the changes may concern. */
  concerned: number
  /** Last pair of this page, to continue from; absent at the end. */
  next?: PairPosition
}

/** Maximum of pairs examined for one page, however few of them change. */
const MAX_EXAMINED_PAIRS = 10_000
/** Maximum of policies evaluated for one page: resources with thousands of policies take longer. */
const MAX_ASKED_POLICIES = 500_000
/**
 * Policies evaluated between two yields, about ten milliseconds of work; `FOUND_AT_ONCE` is the same for group members
 * listed.
 */
const ASKED_AT_ONCE = 4_000
const FOUND_AT_ONCE = 20_000

/**
 * Finds the pairs of actor and resource whose access the changes would alter, judging each before and after with the
 * evaluator of real requests. Yields between slices of work; what is committed meanwhile counts from then on. If the hearing
 * is open at a yield, the questions of a whole slice wait to be answered, and the slice is judged again with the answers.
 */
export function* simulate(
  known: Knowledge,
  question: SimulationQuestion,
  { now, hearing }: { now: Instant; hearing?: Hearing | undefined },
): Generator<undefined, Simulation> {
  const { view } = known
  const supposed = new SupposedView(view, question.changes)
  const actorIds = yield* concernedBy(question, { view, supposed })
  const concerned = actorIds.length * supposed.resourceIds.size
  const pairs: PairChange[] = []
  let [examined, asked, kept] = [0, 0, 0]
  let last: PairPosition | undefined
  for (const slice of slicesOf(view, { question, supposed, actorIds })) {
    const judge = () => slice.map((pair) => pairChange(known, { question, supposed, ...pair.position }, now, hearing))
    const judged = yield* heard(hearing, judge)
    for (const [index, { position, work }] of slice.entries()) {
      if (pairs.length >= question.limit || examined >= MAX_EXAMINED_PAIRS || asked >= MAX_ASKED_POLICIES) {
        return { pairs, kept, examined, concerned, ...(last === undefined ? {} : { next: last }) }
      }
      examined++
      asked += work
      last = position
      const change = judged[index]
      if (change === 'kept') kept++
      else if (change !== undefined) pairs.push(change)
    }
    yield
  }
  return { pairs, kept, examined, concerned }
}

/** Judges a slice, anew after each yield at which the hearing is open. */
function* heard<T>(hearing: Hearing | undefined, judge: () => T): Generator<undefined, T> {
  if (hearing === undefined) return judge()
  for (;;) {
    const judged = hearing.decide(judge)
    if (!hearing.isOpen) return judged
    yield
  }
}

interface SlicedPair {
  position: PairPosition
  /** Number of policies that judging the pair takes. */
  work: number
}

/** Lists the pairs beyond the question's position in slices of about the same work. */
function* slicesOf(
  view: View,
  {
    question,
    supposed,
    actorIds,
  }: { question: SimulationQuestion; supposed: SupposedView; actorIds: readonly string[] },
): Generator<readonly SlicedPair[], void> {
  let slice: SlicedPair[] = []
  let askedInSlice = 0
  for (const resourceId of [...supposed.resourceIds].toSorted()) {
    const policies = 2 + view.policies.countOn(resourceId) + supposed.policies.countOn(resourceId)
    for (const actorId of actorIds) {
      const position = { resourceId, actorId }
      if (!isBeyond(position, question.after)) continue
      const work = policies * (1 + view.clientsOf(actorId).size)
      slice.push({ position, work })
      askedInSlice += work
      if (askedInSlice < ASKED_AT_ONCE) continue
      yield slice
      slice = []
      askedInSlice = 0
    }
  }
  if (slice.length > 0) yield slice
}

/** Returns ids of actors whose access may change, sorted, so that pages fit together. */
function* concernedBy(
  { accountId, changes }: SimulationQuestion,
  { view, supposed }: { view: View; supposed: SupposedView },
): Generator<undefined, string[]> {
  const people = new Set<string>()
  const groupIds = new Set<string>()
  for (const change of changes) {
    if (change.entity === 'policies') {
      for (const groupId of [change.before?.groupId, change.after?.groupId]) {
        if (groupId !== undefined) groupIds.add(groupId)
      }
    }
    if (change.entity === 'memberships') people.add((change.after ?? change.before)?.actorId ?? '')
    if (change.entity === 'actors') people.add(change.id)
    if (change.entity === 'resources') {
      for (const { groupId } of view.policies.rulesOn(change.id)) groupIds.add(groupId)
    }
  }
  let found = 0
  for (const groupId of groupIds) {
    for (const actorId of view.membersOf(groupId)) {
      people.add(actorId)
      if (++found % FOUND_AT_ONCE === 0) yield
    }
  }
  yield
  return [...people].filter((id) => actorIn(id, { view, supposed })?.accountId === accountId).sort()
}

/** Returns an actor as it is; one that the changes make, as they make it. */
const actorIn = (id: string, { view, supposed }: { view: View; supposed: SupposedView }): Actor | undefined =>
  view.get('actors', id) ?? supposed.get('actors', id)

const isBeyond = (position: PairPosition, after: PairPosition | undefined): boolean =>
  after === undefined ||
  position.resourceId > after.resourceId ||
  (position.resourceId === after.resourceId && position.actorId > after.actorId)

const pairChange = (
  known: Knowledge,
  about: { question: SimulationQuestion; supposed: SupposedView } & PairPosition,
  now: Instant,
  answers: Answers | undefined,
): PairChange | 'kept' | undefined => {
  const { view } = known
  const { actorId, resourceId, supposed, question } = about
  const actor = actorIn(actorId, { view, supposed })
  const [resource, resourceAfter] = [view.get('resources', resourceId), supposed.get('resources', resourceId)]
  const shown = resource ?? resourceAfter
  if (actor === undefined || shown === undefined) return undefined
  const { state: before } = judgedState(known, { ...question, actorId, resourceId, from: view }, now, answers)
  const { state: after, why } = judgedState(known, { ...question, actorId, resourceId, from: supposed }, now, answers)
  const effect = effectOf(before, after, resource !== undefined && isOther(resource, resourceAfter))
  if (effect === undefined) return before === 'allowed' ? 'kept' : undefined
  const { id, name, email } = actor
  return { actor: { id, name, email }, resource: { id: shown.id, name: shown.name }, before, after, effect, why }
}

const effectOf = (before: PairState, after: PairState, isElsewhere: boolean): PairChange['effect'] | undefined => {
  if (before !== 'allowed' && after === 'allowed') return 'gains'
  if (before === 'allowed' && after !== 'allowed') return 'loses'
  if (before === 'none' && after === 'denied') return 'appears'
  if (before === 'denied' && after === 'none') return 'disappears'
  return after === 'allowed' && isElsewhere ? 'changes' : undefined
}

const isOther = (before: Resource, after: Resource | undefined): boolean => {
  if (after === undefined || before === after) return false
  const deciding = ({ siteId, type, address, filters, ipStack }: Resource) =>
    JSON.stringify({ siteId, type, address, filters, ipStack })
  return deciding(before) !== deciding(after)
}
