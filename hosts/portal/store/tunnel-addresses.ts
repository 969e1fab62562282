import { addressAt, offsetIn, sizeOf, type AddressRanges } from '../../../core/net/address-ranges.ts'
import { formatAddress, parseAddress } from '../../../core/net/ip-address.ts'
import type { TunnelAddresses } from './store.ts'

/** First offset into the ranges of tunnel addresses, whose first and last addresses stay unused. */
export const FIRST_OFFSET = 1

/** Returns the last offset into the ranges of tunnel addresses, as there are in the smaller one of both families. */
export const lastOffset = ({ tunnel }: AddressRanges): number => Math.min(...tunnel.map(sizeOf)) - 2

/**
 * Returns the tunnel addresses at an offset into the ranges.
 * @throws RangeError outside `FIRST_OFFSET` to `lastOffset`
 */
export const addressesAt = (offset: number, ranges: AddressRanges): TunnelAddresses => {
  if (!Number.isInteger(offset) || offset < FIRST_OFFSET || offset > lastOffset(ranges))
    throw new RangeError(`not an offset: ${offset}`)
  const [ipv4, ipv6] = ranges.tunnel.map((range) => formatAddress(addressAt(range, offset)))
  return { ipv4: ipv4 ?? '', ipv6: ipv6 ?? '' }
}

/** Returns the offset at which a row has its tunnel addresses. */
export const offsetOf = ({ ipv4 }: Pick<TunnelAddresses, 'ipv4'>, { tunnel: [range] }: AddressRanges): number =>
  offsetIn(range, parseAddress(ipv4) ?? new Uint8Array(4))
