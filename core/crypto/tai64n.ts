import type { UnixTime } from '../runtime/time.ts'

/** Bytes of a TAI64N label. */
export const TAI64N_BYTES = 12

/**
 * Encodes a time as a TAI64N label (https://cr.yp.to/libtai/tai64.html): 64 bits of seconds, 32 bits of nanoseconds,
 * big-endian.
 */
export const tai64n = (time: UnixTime): Uint8Array => {
  const label = new Uint8Array(TAI64N_BYTES)
  const view = new DataView(label.buffer)
  const seconds = Math.floor(time / 1_000)
  // 2^62 stands for 1970-01-01 00:00:00 TAI, ten seconds before the Unix epoch. Later leap seconds are ignored, as in
  // WireGuard.
  view.setBigUint64(0, 0x4000_0000_0000_000an + BigInt(seconds))
  view.setUint32(8, Math.floor((time - seconds * 1_000) * 1_000_000))
  return label
}

/** Whether a label is strictly later than another. */
export const isLater = (label: Uint8Array, other: Uint8Array): boolean => {
  for (let index = 0; index < TAI64N_BYTES; index++) {
    const difference = (label[index] ?? 0) - (other[index] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

/** Returns the label of one nanosecond later. */
export const successor = (label: Uint8Array): Uint8Array => {
  const next = new Uint8Array(label)
  const view = new DataView(next.buffer)
  const nanoseconds = view.getUint32(8) + 1
  const carry = nanoseconds >= 1_000_000_000
  view.setUint32(8, carry ? 0 : nanoseconds)
  if (carry) view.setBigUint64(0, view.getBigUint64(0) + 1n)
  return next
}
