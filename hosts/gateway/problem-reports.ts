import type { ToPortal } from '../../core/control/messages.ts'
import type { HostProblem } from '../../core/runtime/host-problems.ts'

type Report = Extract<ToPortal<'gateway'>, { event: 'hostProblems' }>

/**
 * Reports to the portal of what keeps the gateway's machine from forwarding, for a portal that has asked since the
 * gateway joined. The portal does not choose a gateway with a problem.
 */
export class ProblemReports {
  #problems: Report['payload']['problems'] = []
  #isAsked = false
  #told = NONE

  /** Takes the machine's problems; returns the report that is due, if any. */
  problemsChanged(problems: readonly HostProblem[]): Report | undefined {
    this.#problems = problems
      .filter(({ blocks }) => blocks)
      .slice(0, MAX_PROBLEMS)
      .map(({ code, said }) => ({ code, said: said.slice(0, MAX_CHARACTERS) }))
    return this.#due()
  }

  /** The portal wants reports; returns the first one, if there is a problem. */
  asked(): Report | undefined {
    this.#isAsked = true
    return this.#due()
  }

  /** The gateway has joined anew: the portal knows of no problem, and asks again if it wants to. */
  joined(): void {
    this.#isAsked = false
    this.#told = NONE
  }

  #due(): Report | undefined {
    const text = JSON.stringify(this.#problems)
    if (!this.#isAsked || text === this.#told) return undefined
    this.#told = text
    return { event: 'hostProblems', payload: { problems: this.#problems } }
  }
}

const NONE = '[]'
const MAX_PROBLEMS = 16
const MAX_CHARACTERS = 512
