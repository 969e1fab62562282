/** Ends one query: by a copy of the answer, or by an error. Only the first call of the two counts. */
export interface Settle {
  answered: (bytes: Uint8Array) => void
  failed: (error: Error) => void
}
