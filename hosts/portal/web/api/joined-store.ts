import { Problem } from '../http/problem.ts'
import type { Scope, Store, Transaction } from '../../store/store.ts'

/**
 * Store for operations that are parts of one transaction: what they read and write, they read and write in it. Outside
 * of a transaction that `run` began it is of no use.
 */
export class JoinedStore {
  /** The store that the operations get. */
  readonly store: Store
  readonly #outer: Store
  /** Sign-ins and sign-outs that the operations record: they are written once the transaction is. */
  #recorded: Parameters<Store['recordSignIn']>[] = []
  /** Transaction at hand. There is one at a time, because the store runs transactions one after the other. */
  #transaction: Transaction | undefined

  constructor(outer: Store) {
    this.#outer = outer
    this.store = Object.assign(Object.create(outer) as Store, {
      reader: () => this.#current(),
      transact: async <T>(scope: Scope, work: (tx: Transaction) => Promise<T>) => this.#join(scope, work),
      recordSignIn: async (...record: Parameters<Store['recordSignIn']>) => {
        this.#recorded.push(record)
        return Promise.resolve()
      },
    })
  }

  /** Runs operations in one transaction; if they throw, nothing has changed. */
  async run<T>(scope: Scope, operations: (tx: Transaction) => Promise<T>): Promise<T> {
    const { result, recorded } = await this.#outer.transact(scope, async (tx) => {
      this.#transaction = tx
      this.#recorded = []
      try {
        return { result: await operations(tx), recorded: this.#recorded }
      } finally {
        this.#transaction = undefined
      }
    })
    if (scope.rehearsal === undefined) for (const record of recorded) await this.#outer.recordSignIn(...record)
    return result
  }

  async #join<T>({ rehearsal, approve }: Scope, work: (tx: Transaction) => Promise<T>): Promise<T> {
    if (rehearsal !== undefined) throw new Problem(422, 'invalid_body', 'An operation in bulk is not rehearsed alone.')
    const tx = this.#current()
    const before = tx.changes.length
    const result = await work(tx)
    approve?.(tx.changes.slice(before))
    return result
  }

  #current(): Transaction {
    if (this.#transaction === undefined) throw new Error('there is no transaction to join')
    return this.#transaction
  }
}
