import { parseAddress, splitEndpoint, toHex, TokenBucket, type Instant, type Path, type Rate } from 'portreeve'

/**
 * Rate limit on handshake messages from each source address while this end is under load (§5.3); cookies have proven
 * the addresses. One token bucket per source; full buckets are removed.
 */
export class SourceRates {
  readonly #maxSources: number
  /** Token buckets by source, in the order of the last message. */
  readonly #buckets = new Map<string, TokenBucket>()

  constructor({ maxSources = MAX_SOURCES }: { maxSources?: number } = {}) {
    this.#maxSources = maxSources
  }

  /** Number of sources with a bucket. */
  get size(): number {
    return this.#buckets.size
  }

  /**
   * Counts a message of a path and returns whether it is within the limit. A new source is refused if there are too
   * many.
   */
  allows(path: Path, now: Instant): boolean {
    const source = sourceOf(path)
    this.#forgetFull(now)
    const known = this.#buckets.get(source)
    if (known === undefined && this.#buckets.size >= this.#maxSources) return false
    const bucket = known ?? new TokenBucket(RATE)
    if (!bucket.take(now)) return false
    this.#buckets.delete(source)
    this.#buckets.set(source, bucket)
    return true
  }

  #forgetFull(now: Instant): void {
    for (const [source, bucket] of this.#buckets) {
      if (!bucket.isFull(now)) return
      this.#buckets.delete(source)
    }
  }
}

/**
 * Limit per source, about a tenth of a core. Linux allows 20 a second and a burst of 5, but if a gateway fails, all
 * clients of an office connect to another at once (H2), perhaps from one address.
 */
const RATE: Rate = { perSecond: 125, burst: 25 }
const MAX_SOURCES = 8192

/**
 * Returns the source of a path: the IPv4 address, or the /64 of an IPv6 address; a path that is not an endpoint is
 * itself a source.
 */
const sourceOf = (path: Path): string => {
  const split = splitEndpoint(path)
  if (split === undefined) return path
  if (split.family === 'ipv4') return split.address
  const address = parseAddress(split.address)
  return address?.length === 16 ? toHex(address.subarray(0, 8)) : split.address
}
