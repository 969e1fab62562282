import { keptOf, withNames, type KeptAddresses, type KeptNames } from '../../../core/dns/kept-names.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'

export interface NameKeepingOptions {
  /** Names of earlier runs. */
  kept: KeptNames
  /** Portal that the people belong to. */
  place: string
}

/** Decides when the names that have mapped addresses are written down for the next run, and for whom (D14). */
export class NameKeeping {
  readonly #place: string
  #kept: KeptNames
  #person: string | undefined
  #hasBegun = false
  #known = 0
  #due: Instant | undefined

  constructor({ kept, place }: NameKeepingOptions) {
    this.#kept = kept
    this.#place = place
  }

  /** Time at which to call `take`; undefined if nothing has changed. */
  get due(): Instant | undefined {
    return this.#due
  }

  /**
   * Begins to keep the names of a person (undefined if the portal does not say who it is), once: a process is one
   * person's. Returns the names of earlier runs.
   */
  begin(person: string | undefined, now: Instant): (KeptAddresses & { taken: readonly number[] }) | undefined {
    if (this.#hasBegun) return undefined
    this.#hasBegun = true
    this.#person = person && `${this.#place} ${person}`
    // The numbers of this run are reserved at once, so that they are known as used however the run ends.
    this.#due = now
    return keptOf(this.#kept, this.#person)
  }

  /** Takes the number of changes of the names so far. */
  changed(changes: number, now: Instant): void {
    if (!this.#hasBegun || changes === this.#known) return
    this.#known = changes
    this.#due ??= after(now, DELAY_MS)
  }

  /** Returns what is to be written at this time, if anything. */
  take(now: Instant, present: () => KeptAddresses): KeptNames | undefined {
    if (this.#due === undefined || now < this.#due) return undefined
    this.#due = undefined
    const { names, next } = present()
    this.#kept = withNames(this.#kept, this.#person, { names, next: next + RESERVED })
    return this.#kept
  }

  /** Returns what is to be written at the end, when no further name will be mapped. */
  last(present: KeptAddresses): KeptNames {
    return this.#hasBegun ? withNames(this.#kept, this.#person, present) : this.#kept
  }
}

const DELAY_MS = 1 * SECOND
/** Numbers that are written down as used before they are: more than a second needs. */
const RESERVED = 4_096
