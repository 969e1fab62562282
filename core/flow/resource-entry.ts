import { comparePatterns } from '../dns/pattern.ts'
import { PortFilters } from '../net/port-filter.ts'
import { parsePrefix, type Prefix } from '../net/prefix.ts'
import type { FlowResource } from './flow-resource.ts'

/** A resource made ready for packets. */
export interface ResourceEntry {
  readonly resource: FlowResource
  readonly filters: PortFilters
  /** Of a `cidr` resource whose address is a prefix; another one matches nothing. */
  readonly prefix: Prefix | undefined
}

export const resourceEntry = (resource: FlowResource): ResourceEntry => ({
  resource,
  filters: new PortFilters(resource.filters),
  prefix: resource.type === 'cidr' ? parsePrefix(resource.address) : undefined,
})

/**
 * The order in which resources that cover one address are asked whether they permit a port: names before prefixes before the Internet,
 * the most specific first, the highest id of equals. Client and gateway must agree, so it depends on nothing but the resources (T5).
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
