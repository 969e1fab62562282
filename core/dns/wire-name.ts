/**
 * Reads a name in a DNS message (RFC 1035 §4.1.4) as lower-case text without a trailing dot; the root is the empty
 * text. Unprintable bytes, and dots and backslashes within a label, become `\DDD` (RFC 1035 §5.1, RFC 4343 §2.1), so
 * that different names never have the same text. `end` is the offset behind the name. Undefined if the name is
 * malformed, or has a compression pointer although `mayPoint` is false.
 */
export const readName = (
  bytes: Uint8Array,
  offset: number,
  options: { mayPoint?: boolean } = {},
): { name: string; end: number } | undefined => {
  const found = expandName(bytes, offset, options)
  if (found === undefined) return undefined
  const { wire, end } = found
  let name = ''
  for (let at = 0, length = wire[0] ?? 0; length > 0; at += length + 1, length = wire[at] ?? 0) {
    if (name !== '') name += '.'
    for (let i = at + 1; i <= at + length; i++) name += CHARACTERS[wire[i] ?? 0]
  }
  return { name, end }
}

/**
 * Reads a name in a DNS message like `readName`, but returns its bytes: a copy without compression, in its original
 * letter case.
 */
export const expandName = (
  bytes: Uint8Array,
  offset: number,
  { mayPoint = true }: { mayPoint?: boolean } = {},
): { wire: Uint8Array; end: number } | undefined => {
  const wire = new Uint8Array(255)
  let wireLength = 1
  let end = -1
  let jumps = 0
  let at = offset
  for (;;) {
    const length = bytes[at]
    if (length === undefined) return undefined
    if (length === 0) break
    if (length >= POINTER) {
      const low = bytes[at + 1]
      if (low === undefined || !mayPoint) return undefined
      if (end < 0) end = at + 2
      const target = ((length & 0x3f) << 8) | low
      // Pointers may only go backwards, so that an attacker's cannot make a loop.
      if (target >= at) return undefined
      at = target
      // Names are short, but an attacker could make reading slow by a long chain of pointers.
      if (++jumps > MAX_JUMPS) return undefined
      continue
    }
    wireLength += length + 1
    if (length > 63 || wireLength > 255 || at + length >= bytes.length) return undefined
    wire.set(bytes.subarray(at, at + length + 1), wireLength - length - 2)
    at += length + 1
  }
  return { wire: wire.slice(0, wireLength), end: end < 0 ? at + 1 : end }
}

/** Returns the offset behind a name in a DNS message, without following pointers; -1 if the name is malformed. */
export const skipName = (bytes: Uint8Array, offset: number): number => {
  for (let at = offset; ;) {
    const length = bytes[at]
    if (length === undefined) return -1
    if (length === 0) return at + 1
    if (length >= POINTER) return at + 2 <= bytes.length ? at + 2 : -1
    if (length > 63) return -1
    at += length + 1
  }
}

/** Encodes a name from `readName` as uncompressed bytes; undefined if it is malformed. */
export const writeName = (name: string): Uint8Array | undefined => {
  const bytes: number[] = []
  for (const label of name === '' ? [] : name.split('.')) {
    const characters = label.match(/\\\d{3}|[^\\]/g) ?? []
    if (characters.length === 0 || characters.length > 63 || characters.join('') !== label) return undefined
    bytes.push(characters.length)
    for (const character of characters) {
      const code = character.length === 4 ? Number(character.slice(1)) : character.charCodeAt(0)
      if (code > 255) return undefined
      bytes.push(code)
    }
  }
  bytes.push(0)
  return bytes.length > 255 ? undefined : Uint8Array.from(bytes)
}

const POINTER = 0xc0
const MAX_JUMPS = 32

const CHARACTERS = Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code)
  const plain = code > 0x20 && code < 0x7f && character !== '.' && character !== '\\'
  return plain ? character.toLowerCase() : `\\${String(code).padStart(3, '0')}`
})
