import { after, MINUTE, type Instant } from './time.ts'

/** Interval after which the same text about a subject is logged again. */
const REPEAT_MS = 10 * MINUTE
/** Most subjects that are remembered; the one without news for the longest is forgotten first. */
const MAX_SUBJECTS = 4_096

/** Filter for repeated log lines: what happens every two seconds is logged once in ten minutes. */
export class NewsFilter {
  readonly #said = new Map<string, { text: string; at: Instant }>()

  /** Whether to log a text about a subject: it differs from the last one, or that is ten minutes old. */
  isNews(subject: string, text: string, now: Instant): boolean {
    const said = this.#said.get(subject)
    if (said?.text === text && now < after(said.at, REPEAT_MS)) return false
    this.#said.delete(subject)
    this.#said.set(subject, { text, at: now })
    for (const oldest of this.#said.keys()) {
      if (this.#said.size <= MAX_SUBJECTS) break
      this.#said.delete(oldest)
    }
    return true
  }
}
