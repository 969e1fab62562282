import { setTimeout as pause } from 'node:timers/promises'

const INTERVAL_MS = 40

export interface Eventuality {
  /** For the message. */
  what: string
  timeoutMs: number
}

/**
 * Asks again and again until there is an answer. For what tells nobody by itself.
 * @throws Error at the deadline, with the last failure of the question where it failed
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
