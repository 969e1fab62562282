import type { PortFilter } from '../net/port-filter.ts'

/** A resource as the packet engine sees it, at both ends. `id` is the wire's. */
export interface FlowResource {
  id: string
  type: 'dns' | 'cidr' | 'internet'
  /** A pattern (`*.example.org`) or a prefix (`192.0.2.0/24`); empty for `internet`. */
  address: string
  /** Empty permits everything; otherwise only what one of them names. */
  filters: readonly PortFilter[]
  /** At the client: the families that names have whose most specific resource it is (D5); both by default. */
  ipStack?: 'dual' | 'ipv4_only' | 'ipv6_only'
}
