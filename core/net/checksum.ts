// RFC 1071 (the sum), RFC 1624 (its incremental update). Sums are kept unfolded in a double: 2^37 words fit before it gets inexact.

/** The one's complement sum of 16-bit words, not folded. An odd last byte counts as the high half of a word. */
export const sumWords = (bytes: Uint8Array, start: number, end: number, initial = 0): number => {
  let sum = initial
  let at = start
  for (; at + 1 < end; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  if (at < end) sum += (bytes[at] ?? 0) << 8
  return sum
}

/** The checksum of an unfolded sum. JavaScript's `|` and `~` are signed: the result is masked. */
export const checksumOf = (sum: number): number => {
  let folded = sum
  while (folded > 0xffff) folded = Math.floor(folded / 0x10000) + (folded % 0x10000)
  return ~folded & 0xffff
}

/** The checksum after the words that summed to `before` were replaced by words that sum to `after` (both unfolded): RFC 1624 §3, equation 3. */
export const updatedChecksum = (checksum: number, before: number, after: number): number => {
  // ~HC + ~m + m': the complement of a folded sum is its one's complement negation.
  const sum = (~checksum & 0xffff) + checksumOf(before) + after
  return checksumOf(sum)
}

/** The sum of the pseudo-header that TCP, UDP and ICMPv6 cover (RFC 9293 §3.1, RFC 8200 §8.1), not folded. */
export const pseudoHeaderSum = ({
  bytes,
  addressesAt,
  addressLength,
  protocol,
  length,
}: {
  bytes: Uint8Array
  /** Where the source address begins; the destination follows it. */
  addressesAt: number
  addressLength: number
  protocol: number
  /** Of the transport header and its payload. */
  length: number
}): number =>
  sumWords(bytes, addressesAt, addressesAt + addressLength * 2, protocol + (length >>> 16) + (length & 0xffff))
