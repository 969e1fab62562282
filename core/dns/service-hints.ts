import { word } from '../net/packet-view.ts'

const IPV4_HINT = 4
const IPV6_HINT = 6

/**
 * Returns the address hints in the data of an SVCB or HTTPS record (RFC 9460 §7.3), to which an application may connect
 * without an address query. Undefined if the data is malformed.
 */
export const hintedAddresses = (data: Uint8Array): Uint8Array[] | undefined => {
  // RFC 9460 §2.2: priority, target name (never compressed), then parameters, each of key, length and value.
  const parameters = endOfName(data, 2)
  if (parameters === undefined) return undefined
  const found: Uint8Array[] = []
  for (let at = parameters; at < data.length;) {
    const [key, length] = [word(data, at), word(data, at + 2)]
    const end = at + 4 + length
    if (at + 4 > data.length || end > data.length) return undefined
    const size = key === IPV4_HINT ? 4 : key === IPV6_HINT ? 16 : 0
    if (size > 0) {
      if (length % size !== 0) return undefined
      for (let one = at + 4; one < end; one += size) found.push(data.subarray(one, one + size))
    }
    at = end
  }
  return found
}

const endOfName = (data: Uint8Array, from: number): number | undefined => {
  for (let at = from; at < data.length;) {
    const length = data[at] ?? 0
    if (length === 0) return at + 1
    if (length > 63) return undefined
    at += 1 + length
  }
  return undefined
}
