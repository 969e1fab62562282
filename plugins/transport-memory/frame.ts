// Wire format of the reference transport, without encryption: a keyed checksum stands in for authentication.

/** Bytes of a frame's header: kind and checksum. */
const HEADER_BYTES = 9
const DATA_HEADER_BYTES = HEADER_BYTES + 8

export type Frame =
  | { type: 'hello'; publicKey: Uint8Array; stamp: number; sender: number }
  | { type: 'welcome'; receiver: number; sender: number }
  | { type: 'data'; receiver: number; counter: number; packet: Uint8Array }

export type ParsedFrame = Frame | { type: 'malformed' }

/** Encodes a frame with a checksum keyed by the secret. */
export const encodeFrame = (frame: Frame, secret: Uint8Array): Uint8Array => {
  const bytes = bodyOf(frame)
  new DataView(bytes.buffer).setBigUint64(1, checksum(bytes, secret))
  return bytes
}

/** Returns the bytes of a data frame with a packet of `packetBytes`. */
export const dataFrameBytes = (packetBytes: number): number => DATA_HEADER_BYTES + packetBytes

export const parseFrame = (bytes: Uint8Array): ParsedFrame => {
  if (bytes.length < HEADER_BYTES) return MALFORMED
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kind: number = bytes[0] ?? 0
  switch (kind) {
    case KINDS.hello:
      if (bytes.length !== HEADER_BYTES + 44) return MALFORMED
      return {
        type: 'hello',
        sender: view.getUint32(9),
        stamp: view.getFloat64(13),
        publicKey: new Uint8Array(bytes.subarray(21)),
      }
    case KINDS.welcome:
      if (bytes.length !== HEADER_BYTES + 8) return MALFORMED
      return { type: 'welcome', receiver: view.getUint32(9), sender: view.getUint32(13) }
    case KINDS.data:
      if (bytes.length < DATA_HEADER_BYTES) return MALFORMED
      return {
        type: 'data',
        receiver: view.getUint32(9),
        counter: view.getUint32(13),
        packet: new Uint8Array(bytes.subarray(17)),
      }
    default:
      return MALFORMED
  }
}

/** Whether a frame's checksum was made with the secret. */
export const isAuthentic = (bytes: Uint8Array, secret: Uint8Array): boolean =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(1) === checksum(bytes, secret)

const KINDS = { hello: 0x61, welcome: 0x62, data: 0x63 }
const MALFORMED: ParsedFrame = { type: 'malformed' }

const bodyOf = (frame: Frame): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(HEADER_BYTES + lengthOf(frame))
  const view = new DataView(bytes.buffer)
  bytes[0] = KINDS[frame.type]
  switch (frame.type) {
    case 'hello':
      view.setUint32(9, frame.sender)
      view.setFloat64(13, frame.stamp)
      bytes.set(frame.publicKey, 21)
      break
    case 'welcome':
      view.setUint32(9, frame.receiver)
      view.setUint32(13, frame.sender)
      break
    case 'data':
      view.setUint32(9, frame.receiver)
      view.setUint32(13, frame.counter)
      bytes.set(frame.packet, 17)
      break
  }
  return bytes
}

const lengthOf = (frame: Frame): number =>
  frame.type === 'hello' ? 44 : frame.type === 'welcome' ? 8 : 8 + frame.packet.length

// Two FNV-1a hashes of 32 bits (RFC 9923) with different initial values, over the secret and the frame without its
// checksum.
const checksum = (bytes: Uint8Array, secret: Uint8Array): bigint => {
  let low = 0x811c9dc5
  let high = 0x050c5d1f
  const mix = (byte: number): void => {
    low = Math.imul(low ^ byte, 0x01000193) >>> 0
    high = Math.imul(high ^ byte ^ 0x5a, 0x01000193) >>> 0
  }
  for (const byte of secret) mix(byte)
  for (let index = 0; index < bytes.length; index++) if (index < 1 || index >= HEADER_BYTES) mix(bytes[index] ?? 0)
  return (BigInt(high) << 32n) | BigInt(low)
}
