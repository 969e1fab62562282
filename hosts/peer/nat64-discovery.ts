import { parseAddress } from '../../core/net/ip-address.ts'
import { IPV4_ONLY_NAME, nat64PrefixOf } from '../../core/net/nat64.ts'
import { formatPrefix, parsePrefix, type Prefix } from '../../core/net/prefix.ts'
import { isInRange } from '../../core/net/reserved-range.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import { after, SECOND } from '../../core/runtime/time.ts'

/** Delay before the second question; each later one is twice as long, to `MAX_DELAY_MS`. */
const FIRST_DELAY_MS = 1 * SECOND
const MAX_DELAY_MS = 60 * SECOND

/** Ranges that lead to no other network: loopback and link-local. */
const INSIDE = ['127.0.0.0/8', '169.254.0.0/16', '::1/128', 'fe80::/10'].flatMap((text) => parsePrefix(text) ?? [])

export interface Nat64DiscoveryOptions {
  clock: Clock
  /** Looks up the addresses of a name with the machine's own name servers. */
  lookUp: (name: string) => Promise<readonly string[]>
  /** Called when the prefix has changed; undefined if there is none, or IPv4 is reached without it. */
  found: (prefix: Prefix | undefined) => void
}

/**
 * Finds the prefix of the network's NAT64 while this machine has no IPv4 address on an uplink, by the addresses that a
 * name server with DNS64 gives `ipv4only.arpa` (RFC 7050).
 */
export class Nat64Discovery {
  readonly #options: Nat64DiscoveryOptions
  #told: string | undefined
  #cancel: (() => void) | undefined
  /** Number of the network, to tell answers of an earlier one. */
  #network = 0

  constructor(options: Nat64DiscoveryOptions) {
    this.#options = options
  }

  /**
   * Tells the addresses of this machine's links, and which of them are uplinks'. The latter decide where there are any: an
   * IPv4 address on a link without a default route leads to no other network.
   */
  networkChanged({ links, uplinks }: { links: readonly string[]; uplinks: readonly string[] }): void {
    this.stop()
    const outward = links.filter((address) => uplinks.includes(address))
    const bytes = (outward.length > 0 ? outward : links).flatMap((text) => parseAddress(text) ?? [])
    const outside = bytes.filter((address) => !isInRange(INSIDE, address))
    if (outside.length > 0 && outside.every(({ length }) => length === 16)) this.#ask(FIRST_DELAY_MS)
    else this.#tell(undefined)
  }

  stop(): void {
    this.#network++
    this.#cancel?.()
    this.#cancel = undefined
  }

  #ask(delayMs: number): void {
    const { clock, lookUp } = this.#options
    const network = this.#network
    void lookUp(IPV4_ONLY_NAME)
      .catch(() => [])
      .then((found) => {
        if (network !== this.#network) return
        const [prefix] = found.flatMap((text) => nat64PrefixOf(parseAddress(text) ?? new Uint8Array()) ?? [])
        this.#tell(prefix)
        if (prefix !== undefined) return
        this.#cancel = clock.wake(after(clock.now(), delayMs), () => this.#ask(Math.min(2 * delayMs, MAX_DELAY_MS)))
      })
  }

  #tell(prefix: Prefix | undefined): void {
    const text = prefix === undefined ? undefined : formatPrefix(prefix)
    if (text === this.#told) return
    this.#told = text
    this.#options.found(prefix)
  }
}
