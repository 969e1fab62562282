import { ICMP, ICMPV6, TCP, UDP } from './packet-view.ts'

/** What a resource lets through. Ports are inclusive and ignored for `icmp`, which permits all ICMP (wire §5). */
export interface PortFilter {
  protocol: 'tcp' | 'udp' | 'icmp'
  portStart: number
  portEnd: number
}

export type FilterVerdict = 'permitted' | 'protocol-refused' | 'port-refused'

/** A list of filters, made ready for packets: an empty list permits everything, another one only what it names. */
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

  /** The verdict on an IP protocol number and the port at the resource, which only TCP and UDP have. */
  verdict(protocol: number, port: number): FilterVerdict {
    if (this.#everything) return 'permitted'
    if (protocol === ICMP || protocol === ICMPV6) return this.#icmp ? 'permitted' : 'protocol-refused'
    const ranges = protocol === TCP ? this.#tcp : protocol === UDP ? this.#udp : NONE
    if (ranges.length === 0) return 'protocol-refused'
    for (const { portStart, portEnd } of ranges) if (port >= portStart && port <= portEnd) return 'permitted'
    return 'port-refused'
  }
}

/** Of entries that cover the same address, the most specific first: the first that permits wins (T5). */
export const firstPermitting = <T extends { readonly filters: PortFilters }>(
  entries: readonly T[],
  protocol: number,
  port: number,
): { verdict: 'permitted'; entry: T } | { verdict: Exclude<FilterVerdict, 'permitted'> | 'no-entry' } => {
  let refusal: Exclude<FilterVerdict, 'permitted'> | 'no-entry' = 'no-entry'
  for (const entry of entries) {
    const verdict = entry.filters.verdict(protocol, port)
    if (verdict === 'permitted') return { verdict, entry }
    // A wrong port says more than a wrong protocol.
    if (refusal !== 'port-refused') refusal = verdict
  }
  return { verdict: refusal }
}

const NONE: readonly PortFilter[] = []
