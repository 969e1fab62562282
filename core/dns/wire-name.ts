/**
 * Reads a name of a DNS message (RFC 1035 §4.1.4): lower case, no trailing dot, the root is the empty text. Bytes that are no
 * letter, digit, hyphen or other printable ASCII are written `\DDD`, as are dots within a label (RFC 1035 §5.1, RFC 4343 §2.1), so
 * that two names are equal only if they are. `end` is where reading goes on. Undefined where there is no name, or a pointer where there may be none.
 */
export const readName = (
  bytes: Uint8Array,
  offset: number,
  { mayPoint = true }: { mayPoint?: boolean } = {},
): { name: string; end: number } | undefined => {
  let name = ''
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
      // Only ever backwards: an attacker's pointers cannot make a loop.
      if (target >= at) return undefined
      at = target
      // Names are short, chains of pointers to pointers need not be: they would make reading slow.
      if (++jumps > MAX_JUMPS) return undefined
      continue
    }
    wireLength += length + 1
    if (length > 63 || wireLength > 255 || at + length >= bytes.length) return undefined
    if (name !== '') name += '.'
    for (let i = at + 1; i <= at + length; i++) name += CHARACTERS[bytes[i] ?? 0]
    at += length + 1
  }
  return { name, end: end < 0 ? at + 1 : end }
}

/** Where a name ends, without following its pointers; -1 where there is none. */
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

/** A name as bytes, uncompressed; undefined where it is none. Takes what `readName` gives. */
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
