import type { TunnelAddresses } from './store.ts'

/**
 * First offset into 100.64.0.0/11 and fd00:2021:1111::/107, ranges of equal size whose first and last addresses stay
 * unused.
 */
export const FIRST_OFFSET = 1
export const LAST_OFFSET = 2 ** 21 - 2

/**
 * Returns the tunnel addresses at an offset into both ranges.
 * @throws RangeError outside `FIRST_OFFSET` to `LAST_OFFSET`
 */
export const addressesAt = (offset: number): TunnelAddresses => {
  if (!Number.isInteger(offset) || offset < FIRST_OFFSET || offset > LAST_OFFSET)
    throw new RangeError(`not an offset: ${offset}`)
  const high = offset >>> 16
  const low = offset & 0xffff
  return {
    ipv4: `100.${64 + high}.${low >>> 8}.${low & 0xff}`,
    ipv6:
      high === 0 ? `fd00:2021:1111::${low.toString(16)}` : `fd00:2021:1111::${high.toString(16)}:${low.toString(16)}`,
  }
}
