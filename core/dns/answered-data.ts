import { CLASS_IN, RecordType, type DnsAnswer } from './message.ts'
import { readName } from './wire-name.ts'

/**
 * Returns the data of the records in an answer that have the type asked for and belong to the name asked for, or to the
 * end of its CNAME chain. `name` is normalized. The data is borrowed from `message`.
 */
export const answeredData = (
  message: Uint8Array,
  { records }: DnsAnswer,
  { name, type }: { name: string; type: number },
): Uint8Array[] => {
  const owned = records
    .filter(({ recordClass }) => recordClass === CLASS_IN)
    .map((record) => ({ ...record, owner: readName(message, record.nameAt)?.name }))
  let owner = name
  for (let aliases = 0; aliases < MAX_ALIASES; aliases++) {
    const alias = owned.find((record) => record.owner === owner && record.type === RecordType.CNAME)
    const target = alias && readName(message, alias.dataAt)?.name
    if (target === undefined) break
    owner = target
  }
  return owned.filter((record) => record.owner === owner && record.type === type).map(({ data }) => data)
}

/**
 * Longest chain of CNAME records that is followed. RFC 1034 §3.6.2 has no limit; common resolvers have about this one.
 */
const MAX_ALIASES = 16
