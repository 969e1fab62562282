import { addressAt, DEFAULT_RANGES, type AddressRanges } from '../net/address-ranges.ts'
import { formatAddress } from '../net/ip-address.ts'

/**
 * Sentinels: addresses at which the client's resolver listens in place of the system's name servers. There is one per
 * upstream server, of its family (IPv4 if it has none), so that the system's choice among servers is kept; and at least
 * one, as resources have names without any upstream.
 */
export class Sentinels {
  #ipv4 = 0
  #ipv6 = 0

  /**
   * Assigns a sentinel to each upstream. Sentinels differ from the last ones, so that the operating system drops
   * answers cached for those.
   */
  assign(
    upstreams: readonly { isIpv6: boolean }[],
    { sentinels: [ipv4, ipv6] }: Pick<AddressRanges, 'sentinels'> = DEFAULT_RANGES,
  ): string[] {
    const next = (isIpv6: boolean): string =>
      formatAddress(isIpv6 ? addressAt(ipv6, this.#nextIpv6()) : addressAt(ipv4, this.#nextIpv4()))
    if (upstreams.length === 0) return [next(false)]
    return upstreams.map(({ isIpv6 }) => next(isIpv6))
  }

  #nextIpv4(): number {
    this.#ipv4 = (this.#ipv4 % LAST) + 1
    return this.#ipv4
  }

  #nextIpv6(): number {
    this.#ipv6 = (this.#ipv6 % LAST) + 1
    return this.#ipv6
  }
}

// Last number of a sentinel; the next address is the source of DNS over TCP (core/flow).
const LAST = 253
