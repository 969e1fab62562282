import { CLASS_IN, RecordType, type DnsAnswer } from './message.ts'
import { readName } from './wire-name.ts'

/** The data, borrowed from `message`, of the records of the type asked for that belong to the name asked for or to what it is an alias of. `name` is normalized. */
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

/** RFC 1034 §3.6.2 leaves the length of a chain open; resolvers stop at about this. */
const MAX_ALIASES = 16
