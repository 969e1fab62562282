import type { Family } from '../runtime/endpoint.ts'

/** An IP address: 4 or 16 bytes in network order. */
export type AddressBytes = Uint8Array

/**
 * Parses an address strictly: four decimal numbers without leading zeros (some parsers read those as octal, so that one
 * text would be two addresses), or RFC 4291 §2.2 without a zone or a prefix length. Undefined if the text is malformed.
 */
export const parseAddress = (text: string): AddressBytes | undefined =>
  text.includes(':') ? parseIpv6(text) : parseIpv4(text)

/** Formats an address canonically: dotted decimal, or RFC 5952. Takes its 4 or 16 bytes at `offset`. */
export const formatAddress = (bytes: Uint8Array, offset = 0, length: number = bytes.length): string =>
  length === 4
    ? `${bytes[offset] ?? 0}.${bytes[offset + 1] ?? 0}.${bytes[offset + 2] ?? 0}.${bytes[offset + 3] ?? 0}`
    : formatIpv6(bytes, offset)

/** Converts an address to its canonical text, so that equal addresses are equal text; undefined if it is malformed. */
export const canonicalAddress = (text: string): string | undefined => {
  const bytes = parseAddress(text)
  return bytes === undefined ? undefined : formatAddress(bytes)
}

export const familyOf = (bytes: AddressBytes): Family => (bytes.length === 4 ? 'ipv4' : 'ipv6')

/** Orders addresses numerically, IPv4 before IPv6. */
export const compareAddresses = (a: AddressBytes, b: AddressBytes): number => {
  if (a.length !== b.length) return a.length - b.length
  for (let at = 0; at < a.length; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Whether the bytes at `offset` are this address. */
export const isAddressAt = (address: AddressBytes, bytes: Uint8Array, offset: number): boolean => {
  for (let at = 0; at < address.length; at++) if (address[at] !== bytes[offset + at]) return false
  return true
}

const parseIpv4 = (text: string): AddressBytes | undefined => {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const bytes = new Uint8Array(4)
  for (const [at, part] of parts.entries()) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part)) return undefined
    const value = Number(part)
    if (value > 255) return undefined
    bytes[at] = value
  }
  return bytes
}

const parseIpv6 = (text: string): AddressBytes | undefined => {
  if (text.length > 45) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const compressed = halves.length === 2
  const head = wordsOf(halves[0] ?? '', { mayEndInIpv4: !compressed })
  const tail = compressed ? wordsOf(halves[1] ?? '', { mayEndInIpv4: true }) : []
  if (head === undefined || tail === undefined) return undefined
  const count = head.length + tail.length
  // `::` has to stand for at least one word of zeros.
  if (compressed ? count > 7 : count !== 8) return undefined
  const bytes = new Uint8Array(16)
  for (const [at, word] of head.entries()) putWord(bytes, at, word)
  for (const [at, word] of tail.entries()) putWord(bytes, 8 - tail.length + at, word)
  return bytes
}

const wordsOf = (text: string, { mayEndInIpv4 }: { mayEndInIpv4: boolean }): number[] | undefined => {
  if (text === '') return []
  const words: number[] = []
  const parts = text.split(':')
  for (const [at, part] of parts.entries()) {
    if (mayEndInIpv4 && at === parts.length - 1 && part.includes('.')) {
      const ipv4 = parseIpv4(part)
      if (ipv4 === undefined) return undefined
      words.push(((ipv4[0] ?? 0) << 8) | (ipv4[1] ?? 0), ((ipv4[2] ?? 0) << 8) | (ipv4[3] ?? 0))
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined
      words.push(Number.parseInt(part, 16))
    }
  }
  return words
}

const putWord = (bytes: Uint8Array, index: number, word: number): void => {
  bytes[index * 2] = word >> 8
  bytes[index * 2 + 1] = word & 0xff
}

const formatIpv6 = (bytes: Uint8Array, offset: number): string => {
  const words = Array.from(
    { length: 8 },
    (_, at) => ((bytes[offset + at * 2] ?? 0) << 8) | (bytes[offset + at * 2 + 1] ?? 0),
  )
  // RFC 5952 §5: IPv4-mapped addresses end in dotted decimal.
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    return `::ffff:${formatAddress(bytes, offset + 12, 4)}`
  }
  // RFC 5952 §4.2: `::` replaces the longest run of at least two zero words, the first one among equals.
  let start = -1
  let longest = 1
  for (let at = 0; at < 8; at++) {
    let end = at
    while (words[end] === 0) end++
    if (end - at > longest) {
      start = at
      longest = end - at
    }
  }
  const text = (part: number[]) => part.map((word) => word.toString(16)).join(':')
  return start < 0 ? text(words) : `${text(words.slice(0, start))}::${text(words.slice(start + longest))}`
}
