import type { Answers, Hearing } from '../../../core/policy/hearing.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import type { Change } from '../store/entities.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import type { AccessQuestion } from './access-question.ts'
import { explainAccess, type AccessExplanation } from './explanation.ts'
import { findActor, findResources } from './find.ts'
import { accessOfPerson, type PersonAccess, type PersonQuestion } from './person-access.ts'
import { reachOfPerson, type PersonReach, type ReachQuestion } from './person-reach.ts'
import { reachAfter, type ReachAfterQuestion, type ReachVerdict } from './reach-after.ts'
import { simulate, type Simulation, type SimulationQuestion } from './simulation.ts'

/**
 * Explains what the portal would decide at this moment, with the evaluator of real requests on the present rows. `answers` are
 * those of plugins that run in threads of their own; without them, these deny.
 */
export interface Decisions {
  /** Explains one decision with all details, for admins. */
  explain: (question: SpokenQuestion, answers?: Answers) => ExplainVerdict
  /** Lists the resources that exist for a person, and why access is allowed or denied, in words for that person. */
  accessOf: (question: PersonQuestion, answers?: Answers) => PersonAccess[]
  /** Lists the resources that exist for a person, and why access is allowed or denied, in words for admins. */
  reachOf: (question: ReachQuestion, answers?: Answers) => PersonReach
  /**
   * Finds who would gain or lose access by changes not yet made, for admins. The generator yields regularly, so that
   * other work can run in between; if the hearing is open then, its questions have to be answered before it goes on.
   */
  simulate: (question: SimulationQuestion, hearing?: Hearing) => Generator<undefined, Simulation>
  /** Judges whether actors reach resources once changes are made, with reasons for admins. */
  reachAfter: (asked: ReachesQuestion, answers?: Answers) => ReachVerdict[]
}

/** Questions about an account as changes would leave it. */
export interface ReachesQuestion {
  accountId: string
  changes: readonly Change[]
  questions: readonly ReachAfterQuestion[]
}

/** A question as an admin phrases it: actor and resource may be given by name. */
export type SpokenQuestion = Omit<AccessQuestion, 'actorId' | 'resourceId'> & {
  /** Id, e-mail address, or name of a service account. */
  actor: string
  /** Id, name, or an address that belongs to the resource. */
  resource: string
}

export type ExplainVerdict =
  | {
      ok: true
      explanation: AccessExplanation
      /** Other resources that `resource` fits, in order of precedence. */
      others: { id: string; name: string }[]
    }
  | { ok: false; unknown: 'actor' | 'resource' | 'client' }

/** Makes the explanations available on a machine's knowledge, at the time that `now` returns. */
export const decisionsOf = (known: Knowledge, now: () => Instant): Decisions => ({
  explain: (question, answers) => explain(known, question, { now: now(), answers }),
  accessOf: (question, answers) => accessOfPerson(known, question, now(), answers),
  reachOf: (question, answers) => reachOfPerson(known, question, now(), answers),
  simulate: (question, hearing) => simulate(known, question, { now: now(), hearing }),
  reachAfter: (asked, answers) => reachAfter(known, asked, now(), answers),
})

const explain = (
  known: Knowledge,
  { actor, resource, ...about }: SpokenQuestion,
  { now, answers }: { now: Instant; answers: Answers | undefined },
): ExplainVerdict => {
  const { view } = known
  const person = findActor(view, about.accountId, actor)
  if (person === undefined) return { ok: false, unknown: 'actor' }
  const found = findResources(view, about.accountId, resource)
  if (found.length === 0) return { ok: false, unknown: 'resource' }
  const existing = view.policies.resourcesOf(view.groupsOf(person.id))
  const explained = found.flatMap(
    ({ id }) => explainAccess(known, { ...about, actorId: person.id, resourceId: id }, now, answers) ?? [],
  )
  // Same order as at both ends of a tunnel: among resources that exist for the actor, one that permits the port comes
  // first (T5).
  const explanation =
    explained.find((answer) => existing.has(answer.resource.id) && answer.filter?.isPermitted !== false) ??
    explained.find((answer) => existing.has(answer.resource.id)) ??
    explained[0]
  if (explanation === undefined) return { ok: false, unknown: 'client' }
  const others = found.filter(({ id }) => id !== explanation.resource.id).map(({ id, name }) => ({ id, name }))
  return { ok: true, explanation, others }
}
