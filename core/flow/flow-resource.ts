import type { PortFilter } from '../net/port-filter.ts'

/** A resource as the packet engine of client or gateway needs it. `id` is its id on the wire. */
export interface FlowResource {
  id: string
  type: 'dns' | 'cidr' | 'internet'
  /** Name pattern (`*.example.org`) or prefix (`192.0.2.0/24`); empty for `internet`. */
  address: string
  /** Permitted protocols and ports; an empty list permits everything. */
  filters: readonly PortFilter[]
  /** Address families of names whose most specific resource this is (D5); both by default. Used by the client only. */
  ipStack?: 'dual' | 'ipv4_only' | 'ipv6_only'
}
