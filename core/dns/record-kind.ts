import { RecordType } from './message.ts'

/** How a query for a type of record is answered where the name is a resource. */
export type RecordKind =
  /** A, AAAA: by mapped addresses. */
  | 'address'
  /** Records with addresses in them, or ways to one that do without a query for it: there are none. */
  | 'hint'
  /** Any record: by mapped addresses, which RFC 8482 §4.1 allows. */
  | 'any'
  /** No records, but questions about a server or a zone: refused. */
  | 'meta'
  /** All else, types that are unknown today among them: the site's name server knows. */
  | 'data'

export const recordKind = (type: number): RecordKind => {
  if (type === RecordType.A || type === RecordType.AAAA) return 'address'
  if (HINTS.has(type)) return 'hint'
  if (type === ANY) return 'any'
  // RFC 6895 §3.1, and EDNS.
  return type === 0 || type === RecordType.OPT || (type >= 128 && type <= 255) ? 'meta' : 'data'
}

/** Whether records of a type carry addresses, which nobody may hear of a resource's name (D1). */
export const carriesAddresses = (type: number): boolean => {
  const kind = recordKind(type)
  return kind === 'address' || kind === 'hint'
}

/** Whether records of a type lead to services of a site (D4): every gateway answers them, released ones too, and nobody else is asked for them. */
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
