import { createRequire } from 'node:module'

interface KnexClient {
  prototype: { _query: (this: unknown, ...given: unknown[]) => unknown }
}

/** Counter of the queries that this process sends to SQLite databases, from its making to `stop`. */
export class CountedQueries {
  count = 0
  readonly #prototype: KnexClient['prototype']
  readonly #query: KnexClient['prototype']['_query']

  constructor() {
    const { prototype } = createRequire(import.meta.url)('knex/lib/dialects/better-sqlite3/index.js') as KnexClient
    const { _query: query } = prototype
    const note = (): void => {
      this.count++
    }
    prototype._query = function (...given) {
      note()
      return query.apply(this, given)
    }
    this.#prototype = prototype
    this.#query = query
  }

  stop(): void {
    this.#prototype._query = this.#query
  }
}
