import { parseAddress, splitEndpoint, toHex, TokenBucket, type Instant, type Path, type Rate } from 'portreeve'

/**
 * How often each source may cost us a handshake while we are under load: a cookie shows where a message comes from, and this that
 * it is not always the same (§5.3). A bucket for each source; those that are full are forgotten.
 */
export class SourceRates {
  readonly #maxSources: number
  /** In order of their last message. */
  readonly #buckets = new Map<string, TokenBucket>()

  constructor({ maxSources = MAX_SOURCES }: { maxSources?: number } = {}) {
    this.#maxSources = maxSources
  }

  /** How many sources are remembered. */
  get size(): number {
    return this.#buckets.size
  }

  /** Whether a message from there may be read; it is then counted. A source for which there is no room may not. */
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
 * A tenth of a core. Linux has 20 a second and 5 at once, but when a gateway fails, all clients of an office come to another one at
 * once (H2), perhaps from one address.
 */
const RATE: Rate = { perSecond: 125, burst: 25 }
const MAX_SOURCES = 8192

/** An IPv4 address, or the 64 bits of an IPv6 address that a customer has; a path that is no endpoint is a source of its own. */
const sourceOf = (path: Path): string => {
  const split = splitEndpoint(path)
  if (split === undefined) return path
  if (split.family === 'ipv4') return split.address
  const address = parseAddress(split.address)
  return address?.length === 16 ? toHex(address.subarray(0, 8)) : split.address
}
