import type { AskIsolated } from '../../../core/plugin/isolated-question.ts'
import { Hearing } from '../../../core/policy/hearing.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import {
  decisionsOf,
  type Decisions,
  type ExplainVerdict,
  type ReachesQuestion,
  type SpokenQuestion,
} from './decisions.ts'
import type { PersonAccess, PersonQuestion } from './person-access.ts'
import type { PersonReach, ReachQuestion } from './person-reach.ts'
import type { ReachVerdict } from './reach-after.ts'
import type { Simulation, SimulationQuestion } from './simulation.ts'

/** Explanations as `Decisions` has them, for which plugins in threads of their own are asked as for real requests. */
export interface HeardDecisions {
  explain: (question: SpokenQuestion) => Promise<ExplainVerdict>
  accessOf: (question: PersonQuestion) => Promise<PersonAccess[]>
  reachOf: (question: ReachQuestion) => Promise<PersonReach>
  /** Simulates in slices; `pause` is awaited between them and answers whether anybody still wants the result. */
  simulate: (question: SimulationQuestion, pause: () => Promise<boolean>) => Promise<Simulation | undefined>
  reachAfter: (asked: ReachesQuestion) => Promise<ReachVerdict[]>
}

/** Makes the explanations available on a machine's knowledge. Each is of the moment at which it was asked for. */
export const heardDecisions = (
  known: Knowledge,
  { now, ask }: { now: () => Instant; ask: AskIsolated },
): HeardDecisions => {
  const atOneMoment = (): Decisions => {
    const moment = now()
    return decisionsOf(known, () => moment)
  }
  return {
    explain: async (question) => {
      const decisions = atOneMoment()
      return heard(ask, (hearing) => decisions.explain(question, hearing))
    },
    accessOf: async (question) => {
      const decisions = atOneMoment()
      return heard(ask, (hearing) => decisions.accessOf(question, hearing))
    },
    reachOf: async (question) => {
      const decisions = atOneMoment()
      return heard(ask, (hearing) => decisions.reachOf(question, hearing))
    },
    reachAfter: async (asked) => {
      const decisions = atOneMoment()
      return heard(ask, (hearing) => decisions.reachAfter(asked, hearing))
    },
    simulate: async (question, pause) => {
      const hearing = new Hearing()
      const work = atOneMoment().simulate(question, hearing)
      for (let step = work.next(); ; step = work.next()) {
        if (step.done === true) return step.value
        if (hearing.isOpen) await answerOpen(ask, hearing)
        if (!(await pause())) return undefined
      }
    },
  }
}

/** Decides with the answers of isolated plugins: anew after each round of questions, until nothing is open. */
const heard = async <T>(ask: AskIsolated, decide: (hearing: Hearing) => T): Promise<T> => {
  const hearing = new Hearing()
  for (;;) {
    const result = hearing.decide(() => decide(hearing))
    if (!hearing.isOpen) return result
    await answerOpen(ask, hearing)
  }
}

const answerOpen = async (ask: AskIsolated, hearing: Hearing): Promise<void> => {
  const questions = hearing.takeOpen()
  if (questions.length > 0) hearing.learn(questions, await ask(questions))
}
