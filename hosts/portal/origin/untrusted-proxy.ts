import type { Logger } from '../../../core/runtime/logger.ts'

/** Addresses warned of: more than one or two are no proxies of ours, but whoever sends the header. */
const MOST_ADDRESSES = 3

/** Warns, once for each of the first few addresses, of who sends X-Forwarded-For and is not in `trusted_proxies`. */
export const untrustedProxyWarning = (logger: Pick<Logger, 'warn'>): ((address: string) => void) => {
  const known = new Set<string>()
  return (address) => {
    if (known.has(address) || known.size >= MOST_ADDRESSES) return
    known.add(address)
    logger.warn(
      { address },
      'requests come with X-Forwarded-For from an address that is not in trusted_proxies: if it is your proxy, add it; until then ' +
        'everybody behind it is one address for rate limits, conditions and the audit trail',
    )
  }
}
