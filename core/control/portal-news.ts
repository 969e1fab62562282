import type { Note } from '../runtime/note.ts'
import { after, MINUTE, type Instant } from '../runtime/time.ts'
import type { LinkRole } from './messages.ts'
import type { LinkOutput } from './portal-link.ts'
import type { PortalProblem } from './portal-problem.ts'

/** Interval at which a problem that stays the same is logged again. */
const REPEAT_MS = 10 * MINUTE

/** Portal link's state for people: the problem that keeps it down, and a log line for each change. */
export class PortalNews {
  #problem: PortalProblem | undefined
  #noted: { key: string; at: Instant } | undefined

  /** Why the portal is not reached; undefined while it is, and before the first attempt. */
  get problem(): PortalProblem | undefined {
    return this.#problem
  }

  /** Takes one output of the link and returns a log line if there is something to log. */
  hear<R extends LinkRole>(output: LinkOutput<R>, now: Instant): Note | undefined {
    switch (output.type) {
      case 'linkUp':
        this.#problem = undefined
        this.#noted = undefined
        return { type: 'note', message: 'connected to the portal', fields: {} }
      case 'linkDown':
        this.#problem = output.problem
        return {
          type: 'note',
          message: 'the connection to the portal is lost',
          fields: { reason: output.reason, ...fieldsOf(output.problem) },
        }
      case 'attemptFailed':
        return this.#trouble(output.problem, now)
      case 'signedOut': {
        const { reason, detail } = output
        return {
          type: 'note',
          message: 'the portal ended the session',
          fields: { reason, ...(detail === undefined ? {} : { detail }) },
        }
      }
      case 'identityInUse':
        return {
          type: 'note',
          message: 'another process with this identity is connected to the portal; this one stops',
          fields: { reason: output.reason },
        }
      case 'gaveUp':
        return { type: 'note', message: 'gave up on the portal', fields: { reason: output.reason } }
      case 'openConnection':
      case 'closeConnection':
      case 'sendText':
      case 'deliver':
      case 'answered':
        return undefined
    }
  }

  #trouble(problem: PortalProblem, now: Instant): Note | undefined {
    this.#problem = problem
    const key = `${problem.step} ${problem.code}`
    if (this.#noted?.key === key && now < after(this.#noted.at, REPEAT_MS)) return undefined
    this.#noted = { key, at: now }
    return { type: 'note', message: 'the portal cannot be reached; it is tried again', fields: fieldsOf(problem) }
  }
}

const fieldsOf = (problem: PortalProblem | undefined): Readonly<Record<string, string>> =>
  problem === undefined ? {} : { ...problem }
