import type { IsolatedAnswer, IsolatedQuestion } from '../../../core/plugin/isolated-question.ts'

/** Answers that one caller waits for together. */
interface Group {
  answers: IsolatedAnswer[]
  left: number
  resolve: (answers: IsolatedAnswer[]) => void
}

/** One question that waits to be answered. */
export interface WaitingQuestion {
  question: IsolatedQuestion
  group: Group
  index: number
}

/** Lists the questions of one caller, whose promise `resolve` settles when the last of them is answered. */
export const waitingQuestions = (
  questions: readonly IsolatedQuestion[],
  resolve: (answers: IsolatedAnswer[]) => void,
): WaitingQuestion[] => {
  if (questions.length === 0) resolve([])
  const group: Group = { answers: [], left: questions.length, resolve }
  return questions.map((question, index) => ({ question, group, index }))
}

/** Answers a question; to be called once for each. */
export const settle = ({ group, index }: WaitingQuestion, answer: IsolatedAnswer): void => {
  group.answers[index] = answer
  group.left--
  if (group.left === 0) group.resolve(group.answers)
}

const MAX_SLOW_IN_A_ROW = 3
const REST_MS = 10_000

/** Knows which conditions and selectors were too slow several times in a row: they are not asked for a while. */
export class Rests {
  readonly #slowInARow = new Map<string, number>()
  readonly #until = new Map<string, number>()

  /** Notes whether an answer came in time. */
  note({ point, key }: IsolatedQuestion, { isSlow, now }: { isSlow: boolean; now: number }): void {
    const name = `${point} ${key}`
    const slow = isSlow ? (this.#slowInARow.get(name) ?? 0) + 1 : 0
    this.#slowInARow.set(name, slow >= MAX_SLOW_IN_A_ROW ? 0 : slow)
    if (slow >= MAX_SLOW_IN_A_ROW) this.#until.set(name, now + REST_MS)
  }

  /** Returns the answer to a question about one that rests; undefined about all others. */
  refusal({ point, key }: IsolatedQuestion, now: number): IsolatedAnswer | undefined {
    const until = this.#until.get(`${point} ${key}`)
    if (until === undefined || now >= until) return undefined
    const failure = new Error(`it was too slow ${MAX_SLOW_IN_A_ROW} times in a row, and is not called for a while`)
    return { failure, outcome: 'spared', seconds: 0 }
  }
}
