import type { PortFilter } from '../net/port-filter.ts'
import type { Filter } from './wire-values.ts'

/** Translates filters from the wire for the packet engine: absent ports become the whole range. */
export const portFilters = (filters: readonly Filter[]): PortFilter[] =>
  filters.map(({ protocol, port_range_start: portStart = 0, port_range_end: portEnd = 0xffff }) => ({
    protocol,
    portStart,
    portEnd,
  }))
