export type StoreErrorCode =
  | 'CONFLICT'
  | 'REFERENCE'
  | 'LAST_OWNER'
  | 'ADDRESSES_EXHAUSTED'
  | 'BUSY'
  | 'UNAVAILABLE'
  | 'CURSOR'

/**
 * Error for an operation that the stored rows forbid or that the database cannot do at the moment. Names columns, never
 * their values.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError'

  constructor(
    /**
     * CONFLICT: such a row exists. REFERENCE: a referenced row does not exist in this account. LAST_OWNER: nobody could
     * get in as an owner any more. ADDRESSES_EXHAUSTED: no free tunnel address. BUSY: may succeed later. UNAVAILABLE:
     * the database cannot be reached or used. CURSOR: a list was asked for by a cursor that is not one of its own.
     */
    readonly code: StoreErrorCode,
    message: string,
    /** Columns at fault, with the names of entities.ts. */
    readonly columns: readonly string[] = [],
    /** Id of the existing row in a CONFLICT, if known. */
    readonly conflictingId?: string,
    options: ErrorOptions = {},
  ) {
    super(message, options)
  }
}
