import type { IsolatedAnswer, IsolatedQuestion } from '../../../core/plugin/isolated-question.ts'
import type { Hearing } from '../../../core/policy/hearing.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { Emit } from './portal-output.ts'

export interface HearingsNeeds {
  agenda: Agenda
  emit: Emit
}

/**
 * Time after which a question counts as failed, whatever became of it. A plugin has far less; but its thread may have to be
 * started anew for it. A gateway that joins waits for 5 s.
 */
export const PATIENCE_MS = 4 * SECOND
/** The same for a question on which the end of a grant depends, which may not outlive its reasons by a second. */
export const SHORT_PATIENCE_MS = 0.9 * SECOND

interface Asked {
  hearing: Hearing
  questions: readonly IsolatedQuestion[]
  decide: (now: Instant) => void
  timer: Appointment
}

/** Questions of the machine to plugins in threads of their own, whose answers come back as an input. */
export class Hearings {
  readonly #needs: HearingsNeeds
  readonly #asked = new Map<number, Asked>()
  #lastId = 0

  constructor(needs: HearingsNeeds) {
    this.#needs = needs
  }

  /**
   * Asks what a hearing has open, and calls `decide` once it is answered. Does nothing if all of it is being asked already;
   * without an answer after `patienceMs` the questions count as failed. Decides at once if facts change faster than plugins answer: the open questions count as failed then.
   */
  ask(hearing: Hearing, { decide, patienceMs }: Pick<Asked, 'decide'> & { patienceMs: number }, now: Instant): void {
    const questions = hearing.takeOpen()
    if (hearing.isExhausted) return decide(now)
    if (questions.length === 0) return
    const id = ++this.#lastId
    const timer = this.#needs.agenda.add(after(now, patienceMs), 'isolated plugins did not answer', (then) =>
      this.answered(id, [], then),
    )
    this.#asked.set(id, { hearing, questions, decide, timer })
    this.#needs.emit({ type: 'askIsolated', id, questions })
  }

  /** Takes the answers to the questions of one `askIsolated`; a question without one is answered by a failure. */
  answered(id: number, answers: readonly IsolatedAnswer[], now: Instant): void {
    const asked = this.#asked.get(id)
    if (asked === undefined) return
    this.#asked.delete(id)
    this.#needs.agenda.cancel(asked.timer)
    asked.hearing.learn(asked.questions, answers)
    asked.decide(now)
  }
}
