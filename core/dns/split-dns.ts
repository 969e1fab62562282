import { normalizeName } from './pattern.ts'

/** Part of a resolver's configuration that says which names it is for. */
export interface ForNames {
  /** Domains whose names, and those below them, the resolver is asked for; absent: all names. */
  readonly match?: readonly string[] | undefined
}

/**
 * Chooses the resolvers for a name (split DNS), in groups: those whose `match` has the longest suffix of the name first, then those with
 * shorter ones, then those without `match`, each group in the given order. A group is to be asked only if the one before has no answer.
 * Resolvers with another `match` are not among them.
 */
export const resolversFor = <T extends ForNames>(name: string, resolvers: readonly T[]): T[][] => {
  const labels = normalizeName(name)
  const groups = new Map<number, T[]>()
  for (const resolver of resolvers) {
    const specificity = resolver.match === undefined ? 0 : longestSuffix(labels, resolver.match)
    if (specificity === undefined) continue
    const group = groups.get(specificity)
    if (group === undefined) groups.set(specificity, [resolver])
    else group.push(resolver)
  }
  return [...groups].toSorted(([a], [b]) => b - a).map(([, group]) => group)
}

/** Returns the length in characters of the longest domain that a name is, or is below; undefined if it is in none. */
const longestSuffix = (name: string, domains: readonly string[]): number | undefined => {
  const suffixes = domains.map(normalizeName).filter((domain) => name === domain || name.endsWith(`.${domain}`))
  return suffixes.length === 0 ? undefined : Math.max(...suffixes.map(({ length }) => length))
}
