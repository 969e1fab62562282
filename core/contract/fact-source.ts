/**
 * Brings a fact from elsewhere: a table of values, looked up by the value of another fact. The host calls `refresh` at its start, in the
 * declared interval, when somebody asks for a key that the table lacks, and at once when `watch` says so. A snapshot is believed whole
 * or not at all; when none has come for the declared time, the fact is unknown, and what rests on it is judged again.
 */
export interface FactSource<Value = unknown> {
  /**
   * Fetches the present values. `keys` are those that were asked for so far; a source that knows all may ignore them. A rejection,
   * or no answer in 10 s, when `signal` aborts, leaves the table as it is.
   */
  readonly refresh: (question: FactQuestion) => Promise<FactSnapshot<Value>>
  /** Calls `changed` whenever a refresh is due at once, as after a webhook. Returns a function that ends this. */
  readonly watch?: (changed: () => void) => () => void
}

export interface FactQuestion {
  readonly keys: readonly string[]
  readonly signal: AbortSignal
}

/** Plain data. A key that is not among the values has `otherwise`; without that its fact is unknown. */
export interface FactSnapshot<Value = unknown> {
  readonly values: Readonly<Record<string, Value>>
  readonly otherwise?: Value
}
