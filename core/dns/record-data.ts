import { joinedBytes } from '../net/joined-bytes.ts'
import type { DnsRecord } from './message.ts'
import { expandName } from './wire-name.ts'

/**
 * One field of record data that may hold compressed names (RFC 1035 §3.3, RFC 3597 §4): a number of bytes, a name, or a
 * text after its length byte.
 */
type Part = number | 'name' | 'text'

const NAME: readonly Part[] = ['name']
const LAYOUTS: ReadonlyMap<number, readonly Part[]> = new Map([
  // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME
  ...[2, 3, 4, 5, 7, 8, 9, 12, 39].map((type) => [type, NAME] as const),
  // SOA
  [6, ['name', 'name', 20]],
  // MINFO, RP
  [14, ['name', 'name']],
  [17, ['name', 'name']],
  // MX, AFSDB, RT, KX
  ...[15, 18, 21, 36].map((type) => [type, [2, 'name']] as const),
  // PX, SRV, NAPTR
  [26, [2, 'name', 'name']],
  [33, [6, 'name']],
  [35, [4, 'text', 'text', 'text', 'name']],
])

/**
 * Copies a record's data with its names decompressed, so that it does not depend on the message; undefined if it is
 * malformed.
 */
export const expandedData = (
  message: Uint8Array,
  { type, data, dataAt }: Pick<DnsRecord, 'type' | 'data' | 'dataAt'>,
): Uint8Array | undefined => {
  const layout = LAYOUTS.get(type)
  if (layout === undefined) return new Uint8Array(data)
  const end = dataAt + data.length
  const pieces: Uint8Array[] = []
  let at = dataAt
  for (const part of layout) {
    const name = part === 'name' ? expandName(message, at) : undefined
    const next = part === 'name' ? name?.end : at + (part === 'text' ? 1 + (message[at] ?? 0) : part)
    if (next === undefined || next > end) return undefined
    pieces.push(name?.wire ?? message.subarray(at, next))
    at = next
  }
  if (at !== end) return undefined
  return joinedBytes(pieces)
}
