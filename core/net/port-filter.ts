import { ICMP, ICMPV6, TCP, UDP } from './packet-view.ts'

/**
 * Traffic that a resource permits. The port range is inclusive; it is ignored for `icmp`, which permits all ICMP (wire
 * §5).
 */
export interface PortFilter {
  protocol: 'tcp' | 'udp' | 'icmp'
  portStart: number
  portEnd: number
}

/** Decision of filters on a packet. */
export type FilterVerdict = 'permitted' | 'protocol-refused' | 'port-refused'

/** Filters of a resource, prepared for packets. An empty list permits everything, any other list only what it names. */
export class PortFilters {
  readonly #everything: boolean
  readonly #icmp: boolean
  readonly #tcp: readonly PortFilter[]
  readonly #udp: readonly PortFilter[]

  constructor(filters: readonly PortFilter[]) {
    this.#everything = filters.length === 0
    this.#icmp = filters.some(({ protocol }) => protocol === 'icmp')
    this.#tcp = filters.filter(({ protocol }) => protocol === 'tcp')
    this.#udp = filters.filter(({ protocol }) => protocol === 'udp')
  }

  /** Decides on an IP protocol number and the port at the resource, which is ignored for all but TCP and UDP. */
  verdict(protocol: number, port: number): FilterVerdict {
    if (this.#everything) return 'permitted'
    if (protocol === ICMP || protocol === ICMPV6) return this.#icmp ? 'permitted' : 'protocol-refused'
    const ranges = protocol === TCP ? this.#tcp : protocol === UDP ? this.#udp : NONE
    if (ranges.length === 0) return 'protocol-refused'
    for (const { portStart, portEnd } of ranges) if (port >= portStart && port <= portEnd) return 'permitted'
    return 'port-refused'
  }
}

/**
 * Finds the first entry whose filters permit a packet. Entries cover the packet's address, the most specific first
 * (T5).
 */
export const firstPermitting = <T extends { readonly filters: PortFilters }>(
  entries: readonly T[],
  protocol: number,
  port: number,
): { verdict: 'permitted'; entry: T } | { verdict: Exclude<FilterVerdict, 'permitted'> | 'no-entry' } => {
  let refusal: Exclude<FilterVerdict, 'permitted'> | 'no-entry' = 'no-entry'
  for (const entry of entries) {
    const verdict = entry.filters.verdict(protocol, port)
    if (verdict === 'permitted') return { verdict, entry }
    // A refused port is a more exact reason than a refused protocol.
    if (refusal !== 'port-refused') refusal = verdict
  }
  return { verdict: refusal }
}

const NONE: readonly PortFilter[] = []
