import type { IsolatedAnswer, IsolatedQuestion } from '../plugin/isolated-question.ts'
import { SECOND } from '../runtime/time.ts'

/** Answers of isolated plugins that a decision reads. */
export interface Answers {
  /** Returns the answer to a question; undefined if it is not known. */
  find: (question: IsolatedQuestion) => IsolatedAnswer | undefined
}

/** Time after which the answer about an earlier moment is none about the present: longer than any answer takes. */
const GOOD_MS = 5 * SECOND
/** Most rounds of questions, against facts that change faster than plugins answer. */
const MAX_ROUNDS = 4

/**
 * Questions of one decision to plugins that run in threads of their own. Deciding is synchronous: it reads the answers at hand and
 * notes what is open. Whoever decides then asks, and decides again from the beginning, on the facts and policies of that
 * moment. An answer counts for the very same question only, so that nothing is decided on what has changed meanwhile.
 */
export class Hearing implements Answers {
  readonly #known = new Map<object, Map<string, Known>>()
  #open: IsolatedQuestion[] = []
  #isOpen = false
  #rounds = 0

  /** Decides with the answers at hand. If `isOpen` afterwards, the result counts for nothing. */
  decide<T>(decision: () => T): T {
    this.#isOpen = false
    this.#open = []
    const result = decision()
    if (!this.#isOpen) this.#rounds = 0
    return result
  }

  /** Whether the last decision lacks answers. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  find(question: IsolatedQuestion): IsolatedAnswer | undefined {
    const known = this.#known.get(question.owner)?.get(question.text)
    const isSame = known !== undefined && known.at <= question.at && question.at - known.at <= GOOD_MS
    if (isSame && known.answer !== undefined) return known.answer
    this.#isOpen = true
    if (!isSame) this.#open.push(question)
    return undefined
  }

  /**
   * Returns the open questions of the last decision that nobody has asked yet, and notes that they are asked. None are
   * asked once there were too many rounds: `isExhausted` then, and what was open has failed.
   */
  takeOpen(): readonly IsolatedQuestion[] {
    const open = this.#open
    this.#open = []
    if (open.length > 0) this.#rounds++
    if (this.isExhausted) {
      this.learn(
        open,
        open.map(() => TOO_LATE),
      )
      return []
    }
    for (const question of open) this.#note(question, undefined)
    return open
  }

  /** Whether there were too many rounds of questions. */
  get isExhausted(): boolean {
    return this.#rounds > MAX_ROUNDS
  }

  /** Notes the answers to questions that were asked. */
  learn(questions: readonly IsolatedQuestion[], answers: readonly IsolatedAnswer[]): void {
    questions.forEach((question, at) => this.#note(question, answers[at] ?? NOT_ANSWERED))
  }

  #note(question: IsolatedQuestion, answer: IsolatedAnswer | undefined): void {
    const { owner, text, at } = question
    const ofOwner = this.#known.get(owner) ?? new Map<string, Known>()
    this.#known.set(owner, ofOwner.set(text, { at, answer }))
  }
}

interface Known {
  at: number
  /** Answer; undefined while it is awaited. */
  answer: IsolatedAnswer | undefined
}

const NOT_ANSWERED: IsolatedAnswer = { failure: new Error('it was not answered'), outcome: 'failed', seconds: 0 }

const TOO_LATE: IsolatedAnswer = {
  failure: new Error('what it was asked about changed faster than it answered'),
  outcome: 'failed',
  seconds: 0,
}

/** Answers under which every isolated condition holds: what is denied even so is denied without asking. */
export const ALL_HOLD: Answers = {
  find: () => ({ answer: { holds: true, reason: 'it was not asked, since others deny' }, seconds: 0 }),
}
