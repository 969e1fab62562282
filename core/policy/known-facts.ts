import type { DeclaredFacts } from '../contract/extension-point.ts'
import { BUILT_IN_FACTS, type Fact, type Reads } from '../contract/facts.ts'
import { catchPromises } from '../plugin/caught-promises.ts'

/** Facts that the portal knows about one request, or about one gateway that may serve it, looked up by name. A `Map` is one. */
export interface KnownFacts {
  /** Returns a fact, frozen; undefined while it is unknown. */
  get: (name: string) => Fact<unknown> | undefined
}

/** Facts by name, as they are stored and shown. An absent one is unknown. */
export type FactRecord = Readonly<Record<string, Fact<unknown>>>

/** Facts of a request for one plugin. */
export interface FactsForPlugin {
  /** Names of all facts that the plugin declares. */
  reads: readonly string[]
  /** Declared facts that are known, by name. */
  known: FactRecord
  /** Known facts by the plugin's own names for them, frozen, to be passed to the plugin. */
  given: Readonly<Record<string, Fact<unknown>>>
  /** Name of a declared fact that is unknown but not optional; undefined if there is none. */
  unknown: string | undefined
}

/** Picks the facts that a plugin declares. */
export const factsFor = (declared: DeclaredFacts, facts: KnownFacts): FactsForPlugin => {
  const reads: string[] = []
  const known: Record<string, Fact<unknown>> = {}
  const given: Record<string, Fact<unknown>> = {}
  let unknown: string | undefined
  // A verdict rests on the fact by whose value another is looked up, too.
  const note = (name: string): void => {
    const fact = facts.get(name)
    reads.push(name)
    if (fact !== undefined) known[name] = fact
  }
  for (const as of Object.keys(declared)) {
    const token = declared[as]
    if (token === undefined) continue
    const { name } = token
    reads.push(name)
    if (token.by !== undefined) note(token.by.name)
    const fact = fitting(token, facts.get(name))
    if (fact !== undefined) {
      known[name] = fact
      given[as] = fact
    } else if (!token.isOptional) unknown ??= name
  }
  return { reads, known, given: Object.freeze(given), unknown }
}

/** Returns a fact that fits the reader's own schema: two packages may mean different things by one name. */
const fitting = (token: Reads<unknown>, fact: Fact<unknown> | undefined): Fact<unknown> | undefined => {
  // Facts of plugins are looked up by another one, or said by clients.
  const isBuiltIn = token.by === undefined && (token.from === 'portal' || BUILT_IN_FACTS.has(token.name))
  if (fact === undefined || isBuiltIn) return fact
  const verdict = token.schema['~standard'].validate(fact.value)
  if ('then' in verdict) catchPromises(verdict)
  return 'then' in verdict || verdict.issues !== undefined ? undefined : fact
}
