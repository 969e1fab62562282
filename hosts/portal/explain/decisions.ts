import type { Instant } from '../../../core/runtime/time.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import type { AccessQuestion } from './access-question.ts'
import { explainAccess, type AccessExplanation } from './explanation.ts'
import { findActor, findResources } from './find.ts'
import { accessOfPerson, type PersonAccess, type PersonQuestion } from './person-access.ts'
import { simulate, type Simulation, type SimulationQuestion } from './simulation.ts'

/** What the portal would decide at this moment, and why: by the evaluator of real requests, on the rows as they are. */
export interface Decisions {
  /** For admins: everything. */
  explain: (question: SpokenQuestion) => ExplainVerdict
  /** For the person herself: what exists for her, and why she may or may not have it. */
  accessOf: (question: PersonQuestion) => PersonAccess[]
  /** For admins: who would gain or lose access by changes that nobody made. It pauses, so that others have their turn meanwhile. */
  simulate: (question: SimulationQuestion) => Generator<undefined, Simulation>
}

/** A question in the words of whoever asks. */
export type SpokenQuestion = Omit<AccessQuestion, 'actorId' | 'resourceId'> & {
  /** An id or an e-mail address. */
  actor: string
  /** An id, a name, or an address that it takes in. */
  resource: string
}

export type ExplainVerdict =
  | {
      ok: true
      explanation: AccessExplanation
      /** What else the words fit, in the order in which it would be looked for. */
      others: { id: string; name: string }[]
    }
  | { ok: false; unknown: 'actor' | 'resource' | 'client' }

/** The decisions of a portal's machine, at moments that `now` tells. */
export const decisionsOf = (known: Knowledge, now: () => Instant): Decisions => ({
  explain: (question) => explain(known, question, now()),
  accessOf: (question) => accessOfPerson(known, question, now()),
  simulate: (question) => simulate(known, question, now()),
})

const explain = (known: Knowledge, { actor, resource, ...about }: SpokenQuestion, now: Instant): ExplainVerdict => {
  const { view } = known
  const person = findActor(view, about.accountId, actor)
  if (person === undefined) return { ok: false, unknown: 'actor' }
  const found = findResources(view, about.accountId, resource)
  if (found.length === 0) return { ok: false, unknown: 'resource' }
  const told = view.policies.resourcesOf(view.groupsOf(person.id))
  const answers = found.flatMap(
    ({ id }) => explainAccess(known, { ...about, actorId: person.id, resourceId: id }, now) ?? [],
  )
  // As at both ends of a tunnel: of what exists for her, what permits the port goes first (T5).
  const explanation =
    answers.find((answer) => told.has(answer.resource.id) && answer.filter?.isPermitted !== false) ??
    answers.find((answer) => told.has(answer.resource.id)) ??
    answers[0]
  if (explanation === undefined) return { ok: false, unknown: 'client' }
  const others = found.filter(({ id }) => id !== explanation.resource.id).map(({ id, name }) => ({ id, name }))
  return { ok: true, explanation, others }
}
