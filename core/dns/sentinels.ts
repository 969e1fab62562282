/**
 * The addresses at which applications find the client's resolver: one per upstream (IPv6 for an upstream that is asked over IPv6, IPv4
 * for every other), so that the system's own choice among resolvers is kept. Never empty: without an upstream, resources still have names.
 */
export class Sentinels {
  #ipv4 = 0
  #ipv6 = 0

  /** Addresses that were not in use a moment ago, so that the operating system takes its cached answers for stale. */
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

// The one after is where DNS over TCP comes from (core/flow).
const LAST = 253
