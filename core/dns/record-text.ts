import { formatAddress } from '../net/ip-address.ts'
import { RecordType, type DnsRecord } from './message.ts'
import { readName } from './wire-name.ts'

/** Record types by name. Others are written as `TYPE64` and the like (RFC 3597 §5). */
const TYPE_NUMBERS: Readonly<Record<string, number>> = {
  ...RecordType,
  NS: 2,
  SOA: 6,
  MX: 15,
  SVCB: 64,
  HTTPS: 65,
  CAA: 257,
  ANY: 255,
  DNAME: 39,
  DNSKEY: 48,
  DS: 43,
  HINFO: 13,
  LOC: 29,
  NAPTR: 35,
  RP: 17,
  SSHFP: 44,
  TLSA: 52,
  URI: 256,
}

/** Returns the number of a record type by its name, in any case; undefined if it is unknown. */
export const typeNumber = (name: string): number | undefined => {
  const known = Object.hasOwn(TYPE_NUMBERS, name.toUpperCase()) ? TYPE_NUMBERS[name.toUpperCase()] : undefined
  if (known !== undefined) return known
  const [, digits] = /^TYPE(\d{1,5})$/.exec(name.toUpperCase()) ?? []
  return digits !== undefined && Number(digits) <= 0xffff ? Number(digits) : undefined
}

export const typeName = (type: number): string =>
  Object.entries(TYPE_NUMBERS).find(([, number]) => number === type)?.[0] ?? `TYPE${type}`

/**
 * Formats a record's data as in a zone file; data of other types, and malformed data, in the generic form of RFC 3597
 * §5.
 */
export const recordText = (message: Uint8Array, { type, data, dataAt }: DnsRecord): string =>
  knownText(message, { type, data, dataAt }) ?? `\\# ${data.length} ${hex(data)}`.trimEnd()

const knownText = (
  message: Uint8Array,
  { type, data, dataAt }: Pick<DnsRecord, 'type' | 'data' | 'dataAt'>,
): string | undefined => {
  const nameAt = (offset: number): string | undefined => {
    const name = readName(message, dataAt + offset)?.name
    return name === undefined ? undefined : `${name}.`
  }
  const number = (at: number): number => ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0)
  switch (type) {
    case RecordType.A:
    case RecordType.AAAA:
      return data.length === (type === RecordType.A ? 4 : 16) ? formatAddress(data) : undefined
    case RecordType.CNAME:
    case RecordType.PTR:
    case TYPE_NUMBERS['NS']:
      return nameAt(0)
    case TYPE_NUMBERS['MX']: {
      const name = nameAt(2)
      return name && `${number(0)} ${name}`
    }
    case RecordType.SRV: {
      const name = nameAt(6)
      return name && `${number(0)} ${number(2)} ${number(4)} ${name}`
    }
    case RecordType.TXT:
      return texts(data)
    default:
      return undefined
  }
}

/**
 * Formats the character strings of a TXT record (RFC 1035 §3.3.14, §5.1), unprintable bytes as \DDD; undefined if they
 * are malformed.
 */
const texts = (data: Uint8Array): string | undefined => {
  const found: string[] = []
  for (let at = 0; at < data.length;) {
    const end = at + 1 + (data[at] ?? 0)
    if (end > data.length) return undefined
    const characters = [...data.subarray(at + 1, end)].map((byte) => {
      const character = String.fromCharCode(byte)
      if (byte < 0x20 || byte > 0x7e) return `\\${String(byte).padStart(3, '0')}`
      return character === '"' || character === '\\' ? `\\${character}` : character
    })
    found.push(`"${characters.join('')}"`)
    at = end
  }
  return found.join(' ')
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
