/**
 * Returns the IP packet without padding, by its own length field (WireGuard §5.4.6), as a view; undefined if there is
 * no valid packet.
 */
export const withoutPadding = (plain: Uint8Array): Uint8Array | undefined => {
  const length = innerLength(plain)
  return length === undefined || length > plain.length ? undefined : plain.subarray(0, length)
}

const innerLength = (plain: Uint8Array): number | undefined => {
  const version = (plain[0] ?? 0) >> 4
  if (version === 4 && plain.length >= 20) {
    const total = uint16(plain, 2)
    return total >= 20 ? total : undefined
  }
  if (version === 6 && plain.length >= 40) return 40 + uint16(plain, 4)
  return undefined
}

const uint16 = (bytes: Uint8Array, offset: number): number => ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0)
