import { DEFAULT_RANGES, type AddressRanges } from '../../net/address-ranges.ts'
import type { Prefix } from '../../net/prefix.ts'

/**
 * Ranges of tunnels as a gateway meets them: those of the account, and the usual ones beside them, as clients of other
 * products map names to these whatever their account says.
 */
export class KnownRanges {
  /** Addresses that clients map to names. */
  mapped: readonly Prefix[] = DEFAULT_RANGES.mapped
  /** All ranges that belong to tunnels. */
  own: readonly Prefix[] = DEFAULT_RANGES.own

  /** Sets the account's ranges. */
  use({ mapped, own }: AddressRanges): void {
    this.mapped = [...new Set([...mapped, ...DEFAULT_RANGES.mapped])]
    this.own = [...new Set([...own, ...DEFAULT_RANGES.own])]
  }
}
