import { word } from '../net/packet-view.ts'

const IPV4_HINT = 4
const IPV6_HINT = 6

/**
 * The addresses that an SVCB or HTTPS record names (RFC 9460 §7.3), by which an application may connect without asking for them; undefined where its data
 * cannot be read.
 */
export const hintedAddresses = (data: Uint8Array): Uint8Array[] | undefined => {
  // §2.2: the priority, the target's name, which is never compressed, and parameters of a key and a length.
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
