import type { Fact } from '../../core/contract/facts.ts'
import type { KnownFacts } from '../../core/policy/known-facts.ts'
import { unixTime } from '../../core/runtime/time.ts'

/** A fact as a host makes it, frozen. */
export const fact = <T>(value: T, more: Partial<Fact<T>> = {}): Fact<T> =>
  Object.freeze({ value, source: 'portal', since: unixTime(0), ...more })

/** Facts of a request by their names. */
export const knownFacts = (values: Readonly<Record<string, unknown>> = {}): KnownFacts =>
  new Map(Object.entries(values).map(([name, value]) => [name, fact(value)]))
