import { setTimeout as pause } from 'node:timers/promises'

/** Pauses between questions: each is half as long again as the one before, as many a question starts a process. */
const PAUSE_MS = { first: 20, longest: 160 }

export interface Eventuality {
  /** The thing awaited, for the error message. */
  what: string
  timeoutMs: number
}

/**
 * Polls until `question` returns something other than undefined. For conditions of other processes, which report no
 * change.
 * @throws Error at the deadline, with the last error of `question`
 */
export const eventually = async <T>(
  question: () => Promise<T | undefined>,
  { what, timeoutMs }: Eventuality,
): Promise<T> => {
  const end = performance.now() + timeoutMs
  for (let pauseMs = PAUSE_MS.first; ; pauseMs = Math.min(pauseMs * 1.5, PAUSE_MS.longest)) {
    let failure = ''
    const answer = await question().catch((error: unknown) => {
      failure = ` (${error instanceof Error ? error.message : String(error)})`
      return undefined
    })
    if (answer !== undefined) return answer
    if (performance.now() >= end) {
      throw new Error(`${what}: not within ${timeoutMs} ms${failure}`)
    }
    await pause(pauseMs)
  }
}
