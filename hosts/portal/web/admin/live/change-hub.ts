import type { Change, EntityName } from '../../../store/entities.ts'
import type { Store } from '../../../store/store.ts'

/** Interest of one page: what has to change for it to look again. */
export interface Interest {
  accountId: string
  watches: readonly EntityName[]
  /** Called at each such change, with the ids of rows that were removed. */
  changed: (removed: readonly string[]) => void
  /** Called where changes were missed, and where who is connected has changed. */
  moved: () => void
}

/** Kinds of rows whose pages show who is connected. */
const PRESENT: readonly EntityName[] = ['clients', 'gateways', 'actors', 'sites']

/** Tells open pages of committed changes. Costs nothing while none is open. */
export class ChangeHub {
  readonly #parts: { store: Pick<Store, 'subscribe'>; onPresence: (look: (peerId: string) => void) => () => void }
  readonly #interests = new Set<Interest>()
  #endings: readonly (() => void)[] = []

  constructor(parts: { store: Pick<Store, 'subscribe'>; onPresence: (look: (peerId: string) => void) => () => void }) {
    this.#parts = parts
  }

  /** Number of open pages. */
  get size(): number {
    return this.#interests.size
  }

  /** Adds a page's interest. Returns a function that ends it. */
  add(interest: Interest): () => void {
    this.#interests.add(interest)
    if (this.#interests.size === 1) this.#begin()
    return () => {
      if (!this.#interests.delete(interest) || this.#interests.size > 0) return
      for (const end of this.#endings) end()
    }
  }

  #begin(): void {
    const { store, onPresence } = this.#parts
    this.#endings = [
      store.subscribe({
        changed: (changes) => this.#tell(changes),
        reloaded: () => {
          for (const { moved } of this.#interests) moved()
        },
      }),
      onPresence(() => {
        for (const { watches, moved } of this.#interests) if (watches.some((kind) => PRESENT.includes(kind))) moved()
      }),
    ]
  }

  #tell(changes: readonly Change[]): void {
    for (const { accountId, watches, changed } of this.#interests) {
      const concerning = changes.filter((change) => change.accountId === accountId && watches.includes(change.entity))
      if (concerning.length === 0) continue
      changed(concerning.filter(({ after }) => after === undefined).map(({ id }) => id))
    }
  }
}
