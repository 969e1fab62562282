export type StoreErrorCode = 'CONFLICT' | 'REFERENCE' | 'LAST_ADMIN' | 'ADDRESSES_EXHAUSTED' | 'BUSY' | 'UNAVAILABLE'

/** What the rows, or the database at the moment, do not allow. Names columns, never values. */
export class StoreError extends Error {
  override readonly name = 'StoreError'

  constructor(
    /**
     * CONFLICT: such a row exists. REFERENCE: a row that it names does not exist in this account. LAST_ADMIN: nobody could get in as an
     * admin any more. BUSY: later it may be possible. UNAVAILABLE: the database cannot be reached, or used.
     */
    readonly code: StoreErrorCode,
    message: string,
    /** The columns at fault, in the names of entities.ts. */
    readonly columns: readonly string[] = [],
    /** Of a CONFLICT, where it is known: the id of the row that there is. */
    readonly conflictingId?: string,
    options: ErrorOptions = {},
  ) {
    super(message, options)
  }
}
