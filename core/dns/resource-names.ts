import { comparePatterns, matchParsed, parsePattern, type Pattern } from './pattern.ts'

/** A DNS resource as the resolver sees it. `id` is the wire's. */
export interface NamedResource {
  id: string
  /** A pattern: `*.example.org`. */
  address: string
  /** Both families by default. */
  ipStack?: 'dual' | 'ipv4_only' | 'ipv6_only' | undefined
}

/** Whether a resource's address is one name. */
export const isOneName = ({ address }: NamedResource): boolean => !/[*?]/.test(address)

/** Which resources a name belongs to. */
export class ResourceNames {
  // By the labels at the end of a pattern that have no wildcard, so that a name is tried with few patterns of many.
  readonly #bySuffix = new Map<string, Entry[]>()
  /** Addresses that are no patterns. */
  readonly invalid: readonly string[]

  constructor(resources: readonly NamedResource[]) {
    const invalid: string[] = []
    for (const resource of resources) {
      const pattern = parsePattern(resource.address)
      if (pattern === undefined) {
        invalid.push(resource.address)
        continue
      }
      const suffix = literalSuffix(pattern)
      const entries = this.#bySuffix.get(suffix)
      if (entries === undefined) this.#bySuffix.set(suffix, [{ pattern, resource }])
      else entries.push({ pattern, resource })
    }
    this.invalid = invalid
  }

  /** The resources of a normalized name, those of the most specific pattern first, the highest id of equals: as packets go (T5). */
  match(name: string): NamedResource[] {
    const found: Entry[] = []
    for (let from = 0; ;) {
      for (const entry of this.#bySuffix.get(name.slice(from)) ?? []) {
        if (matchParsed(entry.pattern, name)) found.push(entry)
      }
      if (from >= name.length) break
      const dot = name.indexOf('.', from)
      from = dot < 0 ? name.length : dot + 1
    }
    return found.sort(compareEntries).map(({ resource }) => resource)
  }
}

interface Entry {
  pattern: Pattern
  resource: NamedResource
}

const literalSuffix = ({ labels }: Pattern): string => {
  const lastWild = labels.findLastIndex((label) => /[*?]/.test(label))
  return labels.slice(lastWild + 1).join('.')
}

const compareEntries = (a: Entry, b: Entry): number =>
  comparePatterns(a.pattern.text, b.pattern.text) || (a.resource.id < b.resource.id ? 1 : -1)
