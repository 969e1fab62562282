/**
 * Returns the address (4 or 16 bytes) of a normalized name below in-addr.arpa or ip6.arpa (RFC 1035 §3.5, RFC 3596
 * §2.5); undefined for other names.
 */
export const reverseAddress = (name: string): Uint8Array | undefined => {
  if (name.endsWith(IPV4_SUFFIX)) return reversed(name.slice(0, -IPV4_SUFFIX.length), 4, /^(?:0|[1-9]\d{0,2})$/, 10)
  if (!name.endsWith(IPV6_SUFFIX)) return undefined
  const nibbles = reversed(name.slice(0, -IPV6_SUFFIX.length), 32, /^[0-9a-f]$/, 16)
  return nibbles && Uint8Array.from({ length: 16 }, (_, i) => ((nibbles[2 * i] ?? 0) << 4) | (nibbles[2 * i + 1] ?? 0))
}

const IPV4_SUFFIX = '.in-addr.arpa'
const IPV6_SUFFIX = '.ip6.arpa'

const reversed = (text: string, count: number, form: RegExp, radix: number): Uint8Array | undefined => {
  const labels = text.split('.')
  if (labels.length !== count || !labels.every((label) => form.test(label))) return undefined
  const values = labels.map((label) => Number.parseInt(label, radix))
  return values.every((value) => value <= 255) ? Uint8Array.from(values.toReversed()) : undefined
}
