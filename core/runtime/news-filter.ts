import { after, MINUTE, type Instant } from './time.ts'

/** How often the same is said of the same. */
const REPEAT_MS = 10 * MINUTE
/** The subject that had no news for the longest makes way. */
const MOST_SUBJECTS = 4_096

/** Tells news from repetition, so that a log says once what happens every two seconds. */
export class NewsFilter {
  readonly #said = new Map<string, { text: string; at: Instant }>()

  /** Whether something else is said of the subject than the last time, or that was long ago. */
  isNews(subject: string, text: string, now: Instant): boolean {
    const said = this.#said.get(subject)
    if (said?.text === text && now < after(said.at, REPEAT_MS)) return false
    this.#said.delete(subject)
    this.#said.set(subject, { text, at: now })
    for (const oldest of this.#said.keys()) {
      if (this.#said.size <= MOST_SUBJECTS) break
      this.#said.delete(oldest)
    }
    return true
  }
}
