import type { AccessExplanation, AccessQuestion } from './explanation.ts'
import type { PersonAccess, PersonQuestion } from './person-access.ts'

/** What the portal would decide at this moment, and why: by the evaluator of real requests, on the rows as they are. */
export interface Decisions {
  /** For admins: everything. Undefined where the account has no such actor, resource, or device of that actor. */
  explain: (question: AccessQuestion) => AccessExplanation | undefined
  /** For the person herself: what exists for her, and why she may or may not have it. */
  accessOf: (question: PersonQuestion) => PersonAccess[]
}
