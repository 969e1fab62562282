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
  assign(upstreams: readonly { isIpv6: boolean }[]): string[] {
    if (upstreams.length === 0) return [this.#nextIpv4()]
    return upstreams.map(({ isIpv6 }) => (isIpv6 ? this.#nextIpv6() : this.#nextIpv4()))
  }

  #nextIpv4(): string {
    this.#ipv4 = (this.#ipv4 % LAST) + 1
    return `100.100.111.${this.#ipv4}`
  }

  #nextIpv6(): string {
    this.#ipv6 = (this.#ipv6 % LAST) + 1
    return `fd00:2021:1111:8000:100:100:111:${this.#ipv6.toString(16)}`
  }
}

// Last number of a sentinel; the next address is the source of DNS over TCP (core/flow).
const LAST = 253
