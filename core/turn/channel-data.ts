// ChannelData (RFC 8656 §12.4): a header of four bytes, number and length, in front of the data of one datagram.

export { FIRST_CHANNEL, LAST_CHANNEL } from '../runtime/path.ts'

/** Bytes of the header in front of the data. */
export const CHANNEL_HEADER_BYTES = 4

/**
 * Highest number of a channel that a relay accepts: of RFC 5766, whose clients are still in use. RFC 8656 gives the rest of
 * that range to other protocols on a shared port, which a relay has none of.
 */
export const LAST_ACCEPTED_CHANNEL = 0x7fff

/** Whether a datagram from a shared socket is ChannelData (RFC 7983 §7). */
export const looksLikeChannelData = (bytes: Uint8Array): boolean => (bytes[0] ?? 0) >> 4 === 4

/** Whether a datagram at a relay is ChannelData, also of a channel above `LAST_CHANNEL`. */
export const isAcceptedChannelData = (bytes: Uint8Array): boolean => (bytes[0] ?? 0) >> 6 === 1

/**
 * Reads a datagram of ChannelData: its channel and its data, which is part of the datagram's memory. Undefined if it is
 * malformed: shorter than it says. Bytes behind the data are padding (RFC 8656 §12.5) and left out.
 */
export const readChannelData = (bytes: Uint8Array): { channel: number; data: Uint8Array } | undefined => {
  if (bytes.length < CHANNEL_HEADER_BYTES || !isAcceptedChannelData(bytes)) return undefined
  const length = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)
  if (CHANNEL_HEADER_BYTES + length > bytes.length) return undefined
  const data = bytes.subarray(CHANNEL_HEADER_BYTES, CHANNEL_HEADER_BYTES + length)
  return { channel: ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0), data }
}

/** Writes the header of ChannelData with `length` bytes of data to `bytes`, at `offset`. */
export const writeChannelHeader = (
  bytes: Uint8Array,
  { channel, length, offset = 0 }: { channel: number; length: number; offset?: number },
): void => {
  bytes[offset] = channel >> 8
  bytes[offset + 1] = channel & 0xff
  bytes[offset + 2] = length >> 8
  bytes[offset + 3] = length & 0xff
}

/** Encodes ChannelData for one datagram, without padding. */
export const encodeChannelData = (channel: number, data: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(CHANNEL_HEADER_BYTES + data.length)
  writeChannelHeader(bytes, { channel, length: data.length })
  bytes.set(data, CHANNEL_HEADER_BYTES)
  return bytes
}
