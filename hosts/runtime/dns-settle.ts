/** Callbacks that end one query with a copy of the answer or with an error. Only the first call has an effect. */
export interface Settle {
  answered: (bytes: Uint8Array) => void
  failed: (error: Error) => void
}
