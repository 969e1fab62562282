/**
 * Brings a fact from elsewhere: a table of values, looked up by the value of another fact, or one value that a client says of its own machine. The
 * host calls `refresh` at its start, in the declared interval, when somebody asks for a key that the table lacks, and at
 * once when `watch` says so. A snapshot is believed whole or not at all; when none has come for the declared time, the
 * fact is unknown, and what rests on it is judged again.
 */
export interface FactSource<Value = unknown> {
  /**
   * Fetches the present values. `keys` are those that were asked for so far; a source that knows all may ignore them, and
   * a source on a client's machine has none. A rejection, or no answer in 10 s, when `signal` aborts, leaves what was
   * known as it is.
   */
  readonly refresh: (question: FactQuestion) => Promise<FactSnapshot<Value>>
  /** Calls `changed` whenever a refresh is due at once, as after a webhook. Returns a function that ends this. */
  readonly watch?: (changed: () => void) => () => void
}

export interface FactQuestion {
  readonly keys: readonly string[]
  readonly signal: AbortSignal
}

/** Longest value that a client says of its own machine, as JSON in UTF-16 units. */
export const MAX_OWN_FACT_CHARACTERS = 4_096

/** Most facts that a portal asks its clients for. */
export const MAX_CLIENT_FACTS = 64

/** Answer of a fact source: a table for a fact with `by`, an own fact for one with `from: 'client'`. */
export type FactSnapshot<Value = unknown> = FactTable<Value> | OwnFact<Value>

/** Plain data. A key that is not among the values has `otherwise`; without that its fact is unknown. */
export interface FactTable<Value = unknown> {
  readonly values: Readonly<Record<string, Value>>
  readonly otherwise?: Value
  readonly value?: undefined
}

/**
 * Plain data about the machine that the source runs on, of at most 4,096 characters as JSON. Without a value the fact is
 * unknown at once.
 */
export interface OwnFact<Value = unknown> {
  readonly value: Value | undefined
  readonly values?: undefined
  readonly otherwise?: undefined
}
