// Internet checksum (RFC 1071) and its incremental update (RFC 1624). Sums stay unfolded in a double, which is exact
// for 2^37 words.

/** Sums 16-bit words in network order, without folding. An odd last byte counts as the high half of a word. */
export const sumWords = (bytes: Uint8Array, start: number, end: number, initial = 0): number => {
  let sum = initial
  let at = start
  for (; at + 1 < end; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  if (at < end) sum += (bytes[at] ?? 0) << 8
  return sum
}

/** Folds a sum and complements it: the Internet checksum, 16 bits. */
export const checksumOf = (sum: number): number => {
  let folded = sum
  while (folded > 0xffff) folded = Math.floor(folded / 0x10000) + (folded % 0x10000)
  return ~folded & 0xffff
}

/**
 * Updates a checksum for words that changed: `before` and `after` are their unfolded sums (RFC 1624 §3, equation 3).
 */
export const updatedChecksum = (checksum: number, before: number, after: number): number => {
  // ~HC + ~m + m': the complement of a folded sum is its one's complement negation.
  const sum = (~checksum & 0xffff) + checksumOf(before) + after
  return checksumOf(sum)
}

/** Sums the pseudo-header of TCP, UDP and ICMPv6 (RFC 9293 §3.1, RFC 8200 §8.1), without folding. */
export const pseudoHeaderSum = ({
  bytes,
  addressesAt,
  addressLength,
  protocol,
  length,
}: {
  bytes: Uint8Array
  /** Offset of the source address, which the destination address follows. */
  addressesAt: number
  addressLength: number
  protocol: number
  /** Bytes of the transport header and its payload. */
  length: number
}): number =>
  sumWords(bytes, addressesAt, addressesAt + addressLength * 2, protocol + (length >>> 16) + (length & 0xffff))
