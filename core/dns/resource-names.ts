import type { NameRange } from '../runtime/network-configuration.ts'
import { comparePatterns, matchParsed, parsePattern, type Pattern } from './pattern.ts'

/** A DNS resource with all that the resolver needs. `id` is its id on the wire. */
export interface NamedResource {
  id: string
  /** Name or pattern, such as `*.example.org`. */
  address: string
  /** Address families of the resource; both by default. */
  ipStack?: 'dual' | 'ipv4_only' | 'ipv6_only' | undefined
}

/** Whether a resource's address is a name without wildcards. */
export const isOneName = ({ address }: NamedResource): boolean => !/[*?]/.test(address)

/** Returns the names that resources have, each range once, sorted. Leaves out malformed patterns. */
export const nameRanges = (resources: readonly NamedResource[]): NameRange[] => {
  const found = new Map<string, NameRange>()
  for (const { address } of resources) {
    const pattern = parsePattern(address)
    if (pattern === undefined) continue
    const suffix = literalSuffix(pattern)
    const labels = pattern.labels.slice(0, pattern.labels.length - suffix.split('.').length)
    const depth = labels.includes('**') ? undefined : labels.length
    found.set(`${suffix} ${depth}`, { suffix, depth })
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, range]) => range)
}

/** Index of the resources by name. */
export class ResourceNames {
  // Patterns by their trailing labels without wildcards, so that a name is matched against few of them.
  readonly #bySuffix = new Map<string, Entry[]>()
  /** Addresses of resources that are malformed patterns. */
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

  /**
   * Returns the resources of a normalized name: most specific pattern first, highest id first among equals, as in
   * routing packets (T5).
   */
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
