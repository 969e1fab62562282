import type { Logger } from '../../../core/runtime/logger.ts'

/** Maximum of addresses to warn of: with more than a few, it is strangers who send the header. */
const MAX_ADDRESSES = 3

/**
 * Makes a function that logs a warning for an address that sends X-Forwarded-For without being a trusted proxy; once
 * for each of the first few addresses.
 */
export const untrustedProxyWarning = (logger: Pick<Logger, 'warn'>): ((address: string) => void) => {
  const known = new Set<string>()
  return (address) => {
    if (known.has(address) || known.size >= MAX_ADDRESSES) return
    known.add(address)
    logger.warn(
      { address },
      'requests come with X-Forwarded-For from an address that is not in trusted_proxies: if it is your proxy, add it; until then ' +
        'everybody behind it is one address for rate limits, conditions and the audit trail',
    )
  }
}
