import { comparePatterns } from '../dns/pattern.ts'
import { PortFilters } from '../net/port-filter.ts'
import { parsePrefix, type Prefix } from '../net/prefix.ts'
import type { FlowResource } from './flow-resource.ts'

/** A resource, prepared for decisions on packets. */
export interface ResourceEntry {
  readonly resource: FlowResource
  readonly filters: PortFilters
  /**
   * Prefix of a `cidr` resource; undefined for other types, and if its address is malformed: then it matches nothing.
   */
  readonly prefix: Prefix | undefined
}

/** Prepares a resource for decisions on packets. */
export const resourceEntry = (resource: FlowResource): ResourceEntry => ({
  resource,
  filters: new PortFilters(resource.filters),
  prefix: resource.type === 'cidr' ? parsePrefix(resource.address) : undefined,
})

/**
 * Orders resources that cover the same address, of which the first that permits a packet's port wins: names before
 * prefixes before the Internet, most specific first, highest id first among equals. Client and gateway must agree, so
 * the order depends on nothing but the resources (T5).
 */
export const compareEntries = (a: ResourceEntry, b: ResourceEntry): number => {
  const [left, right] = [a.resource, b.resource]
  if (left.type !== right.type) return rank(left) - rank(right)
  const bySpecificity =
    left.type === 'dns'
      ? comparePatterns(left.address, right.address)
      : (b.prefix?.length ?? 0) - (a.prefix?.length ?? 0)
  return bySpecificity !== 0 ? bySpecificity : left.id < right.id ? 1 : left.id > right.id ? -1 : 0
}

const rank = ({ type }: FlowResource): number => (type === 'dns' ? 0 : type === 'cidr' ? 1 : 2)
