import { setTimeout as pause } from 'node:timers/promises'

const INTERVAL_MS = 40

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
  for (;;) {
    let failure = ''
    const answer = await question().catch((error: unknown) => {
      failure = ` (${error instanceof Error ? error.message : String(error)})`
      return undefined
    })
    if (answer !== undefined) return answer
    if (performance.now() >= end) {
      throw new Error(`${what}: not within ${timeoutMs} ms${failure}`)
    }
    await pause(INTERVAL_MS)
  }
}
