/**
 * Passes borrowed bytes to `take` as a socket does: in a Buffer somewhere within a larger one, overwritten as soon as
 * `take` has returned. A view or `slice()` that is kept then holds noise.
 */
export const lend = <T>(bytes: Uint8Array, take: (borrowed: Uint8Array) => T): T => {
  const shared = Buffer.alloc(bytes.length + 2 * MARGIN_BYTES, NOISE)
  const borrowed = shared.subarray(MARGIN_BYTES, MARGIN_BYTES + bytes.length)
  borrowed.set(bytes)
  try {
    return take(borrowed)
  } finally {
    shared.fill(NOISE)
  }
}

const MARGIN_BYTES = 7
const NOISE = 0xa5
