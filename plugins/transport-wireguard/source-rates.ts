import { after, instant, parseAddress, splitEndpoint, toHex, type Instant, type Path } from 'portreeve'

/**
 * How often each source may cost us a handshake while we are under load: a cookie shows where a message comes from, and this that
 * it is not always the same (§5.3). A bucket for each source, which holds `BURST` and gains one every `INTERVAL_MS`, kept as the moment at
 * which it will be full; those that are full are forgotten.
 */
export class SourceRates {
  readonly #mostSources: number
  /** In order of their last message. */
  readonly #fullAt = new Map<string, Instant>()

  constructor({ mostSources = MOST_SOURCES }: { mostSources?: number } = {}) {
    this.#mostSources = mostSources
  }

  /** How many sources are remembered. */
  get size(): number {
    return this.#fullAt.size
  }

  /** Whether a message from there may be read; it is then counted. A source for which there is no room may not. */
  allows(path: Path, now: Instant): boolean {
    const source = sourceOf(path)
    this.#forgetFull(now)
    const known = this.#fullAt.get(source)
    if (known === undefined && this.#fullAt.size >= this.#mostSources) return false
    const fullAt = after(instant(Math.max(known ?? now, now)), INTERVAL_MS)
    if (fullAt - now > BURST * INTERVAL_MS) return false
    this.#fullAt.delete(source)
    this.#fullAt.set(source, fullAt)
    return true
  }

  #forgetFull(now: Instant): void {
    for (const [source, fullAt] of this.#fullAt) {
      if (fullAt > now) return
      this.#fullAt.delete(source)
    }
  }
}

/**
 * 125 messages a second, 25 at once: a tenth of a core. Linux has 20 and 5, but when a gateway fails, all clients of an office come to
 * another one at once (H2), perhaps from one address.
 */
const INTERVAL_MS = 8
const BURST = 25
const MOST_SOURCES = 8192

/** An IPv4 address, or the 64 bits of an IPv6 address that a customer has; a path that is no endpoint is a source of its own. */
const sourceOf = (path: Path): string => {
  const split = splitEndpoint(path)
  if (split === undefined) return path
  if (split.family === 'ipv4') return split.address
  const address = parseAddress(split.address)
  return address?.length === 16 ? toHex(address.subarray(0, 8)) : split.address
}
