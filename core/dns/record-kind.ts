import { RecordType } from './message.ts'

/** Way of answering a query for a resource's name, by record type. */
export type RecordKind =
  /** A and AAAA: answered with mapped addresses. */
  | 'address'
  /** Types that carry addresses, or lead to one without an address query: answered with no records. */
  | 'hint'
  /** ANY: answered with mapped addresses, as RFC 8482 §4.1 allows. */
  | 'any'
  /** Types that are not records but operations on a server or a zone: refused. */
  | 'meta'
  /** All other types, unknown ones included: answered by the site's name server. */
  | 'data'

export const recordKind = (type: number): RecordKind => {
  if (type === RecordType.A || type === RecordType.AAAA) return 'address'
  if (HINTS.has(type)) return 'hint'
  if (type === ANY) return 'any'
  // Meta types of RFC 6895 §3.1, and EDNS's OPT.
  return type === 0 || type === RecordType.OPT || (type >= 128 && type <= 255) ? 'meta' : 'data'
}

/** Whether records of a type carry addresses. A client must never learn a resource's real ones (D1). */
export const carriesAddresses = (type: number): boolean => {
  const kind = recordKind(type)
  return kind === 'address' || kind === 'hint'
}

/**
 * Whether records of a type describe services of a site (D4). Every gateway answers these types, old versions too, and
 * upstream servers are never asked.
 */
export const leadsToServices = (type: number): boolean => type === RecordType.SRV || type === RecordType.TXT

const ANY = 255

const HINTS: ReadonlySet<number> = new Set([
  RecordType.SVCB,
  RecordType.HTTPS,
  // WKS, NSAP (RFC 1888), A6, APL
  11,
  22,
  38,
  42,
  // IPSECKEY, L32 and L64 (RFC 6742), AMTRELAY
  45,
  105,
  106,
  260,
])
