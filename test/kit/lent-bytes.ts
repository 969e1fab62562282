/**
 * Hands bytes over as a socket does, borrowed: a Buffer somewhere within a larger one, which is overwritten as soon as `take` has
 * returned. Whoever keeps a view of it, or a `slice()`, is left with noise.
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
