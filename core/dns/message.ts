import { readName, skipName, writeName } from './wire-name.ts'

/**
 * Numbers of DNS record types (RFC 1035 §3.2.2 and later) that the code treats specially; other types are handled by
 * number.
 */
export const RecordType = { A: 1, CNAME: 5, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, SVCB: 64, HTTPS: 65 } as const

/** DNS response codes (RFC 1035 §4.1.1; BADVERS: RFC 6891 §9). */
export const ResponseCode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const
export type ResponseCode = (typeof ResponseCode)[keyof typeof ResponseCode]

/** DNS class Internet (RFC 1035 §3.2.4). */
export const CLASS_IN = 1

/** A parsed query: its one question and the header fields that an answer needs. */
export interface DnsQuery {
  id: number
  /** Name asked for, in the form of `readName`. */
  name: string
  type: number
  recordClass: number
  recursionDesired: boolean
  /** Copy of the question section in the letter case of the asker, as some resolvers check the case in the answer. */
  question: Uint8Array
  /** Longest UDP message that the asker accepts, in bytes; undefined in a query without EDNS (RFC 6891). */
  udpBytes: number | undefined
}

/** Outcome of parsing a query. */
export type QueryVerdict =
  | { type: 'query'; query: DnsQuery }
  /** `answer` is the error response to send; absent if there must be none. */
  | { type: 'refused'; reason: QueryProblem; answer?: Uint8Array }

/** Reason why a query is refused. */
export type QueryProblem =
  | 'too-short'
  | 'too-long'
  | 'not-a-query'
  | 'unknown-operation'
  | 'not-one-question'
  | 'malformed'
  | 'unknown-edns-version'

/** Parses a query from untrusted bytes, without keeping them. Never throws. */
export const parseQuery = (bytes: Uint8Array): QueryVerdict => {
  if (bytes.length < HEADER_BYTES) return { type: 'refused', reason: 'too-short' }
  // An answer must not be answered: two servers could send answers to each other for ever.
  const flags = read16(bytes, 2)
  if ((flags & QR) !== 0) return { type: 'refused', reason: 'not-a-query' }
  if (bytes.length > MAX_QUERY_BYTES) return complaint(bytes, ResponseCode.FORMERR, 'too-long')
  if ((flags & OPCODE) !== 0) return complaint(bytes, ResponseCode.NOTIMP, 'unknown-operation')
  if (read16(bytes, 4) !== 1) return complaint(bytes, ResponseCode.FORMERR, 'not-one-question')
  const named = readQuestionName(bytes)
  if (named === undefined || named.end + 4 > bytes.length) return complaint(bytes, ResponseCode.FORMERR, 'malformed')
  const questionEnd = named.end + 4

  let udpBytes: number | undefined
  let version = 0
  for (const record of records(bytes, questionEnd, read16(bytes, 6) + read16(bytes, 8) + read16(bytes, 10))) {
    if (record === undefined) return complaint(bytes, ResponseCode.FORMERR, 'malformed')
    if (record.type !== RecordType.OPT) continue
    // RFC 6891 §6.1.1: more than one OPT record is an error.
    if (udpBytes !== undefined) return complaint(bytes, ResponseCode.FORMERR, 'malformed')
    udpBytes = record.recordClass
    version = (record.ttlSeconds >>> 16) & 0xff
  }
  const query: DnsQuery = {
    id: read16(bytes, 0),
    name: named.name,
    type: read16(bytes, named.end),
    recordClass: read16(bytes, named.end + 2),
    recursionDesired: (flags & RD) !== 0,
    question: new Uint8Array(bytes.subarray(HEADER_BYTES, questionEnd)),
    udpBytes,
  }
  if (version === 0) return { type: 'query', query }
  return { type: 'refused', reason: 'unknown-edns-version', answer: answerTo(query, { code: ResponseCode.BADVERS }) }
}

/** Records of one type for the name asked for. */
export interface AnswerRecords {
  type: number
  ttlSeconds: number
  /** Data of each record: an address, or a name from `writeName`. */
  data: readonly Uint8Array[]
}

/** Causes of a failure for whoever asked (RFC 8914 §4, extended DNS errors). */
export const ExtendedError = { PROHIBITED: 18, NO_REACHABLE_AUTHORITY: 22 } as const
export type ExtendedError = (typeof ExtendedError)[keyof typeof ExtendedError]

/** An answer to be written. */
export interface AnswerParts {
  code: ResponseCode
  records?: AnswerRecords
  truncated?: boolean
  /** Cause of a failure, for queries with EDNS. */
  extendedError?: ExtendedError | undefined
}

/** Writes an answer to a query, with EDNS if the query had it. The caller owns the bytes. */
export const answerTo = (
  query: DnsQuery,
  { code, records: given, truncated = false, extendedError }: AnswerParts,
): Uint8Array => {
  const data = given?.data ?? []
  let length = HEADER_BYTES + query.question.length + (query.udpBytes === undefined ? 0 : OPT_BYTES)
  const hasError = query.udpBytes !== undefined && extendedError !== undefined
  if (hasError) length += EXTENDED_ERROR_BYTES
  for (const item of data) length += FIXED_RECORD_BYTES + item.length
  const bytes = new Uint8Array(length)
  write16(bytes, 0, query.id)
  write16(bytes, 2, QR | RA | (query.recursionDesired ? RD : 0) | (truncated ? TC : 0) | (code & 0xf))
  write16(bytes, 4, 1)
  write16(bytes, 6, data.length)
  write16(bytes, 10, query.udpBytes === undefined ? 0 : 1)
  bytes.set(query.question, HEADER_BYTES)
  let at = HEADER_BYTES + query.question.length
  for (const item of data) {
    write16(bytes, at, NAME_OF_QUESTION)
    write16(bytes, at + 2, given?.type ?? 0)
    write16(bytes, at + 4, CLASS_IN)
    write16(bytes, at + 6, (given?.ttlSeconds ?? 0) >>> 16)
    write16(bytes, at + 8, given?.ttlSeconds ?? 0)
    write16(bytes, at + 10, item.length)
    bytes.set(item, at + FIXED_RECORD_BYTES)
    at += FIXED_RECORD_BYTES + item.length
  }
  if (query.udpBytes !== undefined) {
    write16(bytes, at + 1, RecordType.OPT)
    write16(bytes, at + 3, MAX_UDP_BYTES)
    bytes[at + 5] = code >>> 4
  }
  if (hasError) {
    // RFC 8914 §2: OPTION-CODE, OPTION-LENGTH, INFO-CODE.
    write16(bytes, at + 9, EXTENDED_ERROR_BYTES)
    write16(bytes, at + OPT_BYTES, EXTENDED_ERROR)
    write16(bytes, at + OPT_BYTES + 2, 2)
    write16(bytes, at + OPT_BYTES + 4, extendedError)
  }
  return bytes
}

const EXTENDED_ERROR = 15
const EXTENDED_ERROR_BYTES = 6

/** Longest UDP message in bytes that fits into a packet of the tunnel's MTU with the longest headers: 1280 - 60 - 8. */
const MAX_UDP_BYTES = 1212

/**
 * Returns the longest answer in bytes for an asker: over UDP the size in its EDNS, or 512 (RFC 1035 §4.2.1), but at
 * most 1212.
 */
export const answerLimit = (query: DnsQuery, protocol: 'udp' | 'tcp'): number =>
  protocol === 'tcp' ? 0xffff : Math.min(MAX_UDP_BYTES, Math.max(512, query.udpBytes ?? 512))

/** Writes a recursive query with EDNS; undefined if the name is malformed. */
export const writeQuery = ({ id, name, type }: { id: number; name: string; type: number }): Uint8Array | undefined => {
  const wire = writeName(name)
  if (wire === undefined) return undefined
  const bytes = new Uint8Array(HEADER_BYTES + wire.length + 4 + OPT_BYTES)
  write16(bytes, 0, id)
  write16(bytes, 2, RD)
  write16(bytes, 4, 1)
  write16(bytes, 10, 1)
  bytes.set(wire, HEADER_BYTES)
  const at = HEADER_BYTES + wire.length
  write16(bytes, at, type)
  write16(bytes, at + 2, CLASS_IN)
  write16(bytes, at + 5, RecordType.OPT)
  write16(bytes, at + 7, MAX_UDP_BYTES)
  return bytes
}

/** A parsed answer that matches its query. */
export interface DnsAnswer {
  code: number
  truncated: boolean
  /** Records of the answer section, in order; their `data` is borrowed from the message. */
  records: readonly DnsRecord[]
}

/** A resource record of a message. */
export interface DnsRecord {
  /** Offsets of the record's name and data in the message, for `readName`. */
  nameAt: number
  dataAt: number
  type: number
  recordClass: number
  ttlSeconds: number
  data: Uint8Array
}

/** Outcome of parsing an answer. */
export type AnswerVerdict = { type: 'answer'; answer: DnsAnswer } | { type: 'refused'; reason: AnswerProblem }

/** Reason why an answer is refused. */
export type AnswerProblem = 'too-short' | 'not-an-answer' | 'wrong-id' | 'wrong-question' | 'malformed'

/**
 * Parses an answer from untrusted bytes and checks it against its query, whose name is in the form of `readName`. Never
 * throws; `data` of the records is borrowed from `bytes`.
 */
export const parseAnswer = (
  bytes: Uint8Array,
  query: Pick<DnsQuery, 'id' | 'name' | 'type' | 'recordClass'>,
): AnswerVerdict => {
  if (bytes.length < HEADER_BYTES) return { type: 'refused', reason: 'too-short' }
  const flags = read16(bytes, 2)
  if ((flags & QR) === 0 || (flags & OPCODE) !== 0) return { type: 'refused', reason: 'not-an-answer' }
  if (read16(bytes, 0) !== query.id) return { type: 'refused', reason: 'wrong-id' }
  const code = flags & 0xf
  const truncated = (flags & TC) !== 0
  const questions = read16(bytes, 4)
  // Servers that cannot parse a query, or refuse it, may omit the question.
  if (questions === 0 && code !== ResponseCode.NOERROR && code !== ResponseCode.NXDOMAIN) {
    return { type: 'answer', answer: { code, truncated, records: [] } }
  }
  const named = questions === 1 ? readQuestionName(bytes) : undefined
  if (named === undefined || named.end + 4 > bytes.length) return { type: 'refused', reason: 'malformed' }
  const asked =
    named.name === query.name &&
    read16(bytes, named.end) === query.type &&
    read16(bytes, named.end + 2) === query.recordClass
  if (!asked) return { type: 'refused', reason: 'wrong-question' }

  const found: DnsRecord[] = []
  for (const record of records(bytes, named.end + 4, read16(bytes, 6))) {
    if (record !== undefined) found.push(record)
    else if (truncated) break
    else return { type: 'refused', reason: 'malformed' }
  }
  return { type: 'answer', answer: { code, truncated, records: found } }
}

/** Whether untrusted bytes are a well-formed answer to a query, with its id and question. Never throws. */
export const isAnswerTo = (query: Uint8Array, bytes: Uint8Array): boolean => {
  const asked = parseQuery(query)
  return asked.type === 'query' && parseAnswer(bytes, asked.query).type === 'answer'
}

/**
 * Copies an answer; if it is too long for the asker, returns an empty one marked TC, so that the asker repeats its
 * query over TCP. The caller owns the bytes.
 */
export const fitted = (query: DnsQuery, protocol: 'udp' | 'tcp', message: Uint8Array): Uint8Array =>
  message.length <= answerLimit(query, protocol)
    ? new Uint8Array(message)
    : answerTo(query, { code: responseCode(message) as ResponseCode, truncated: true })

/** Whether a message is truncated (TC). */
export const isTruncated = (message: Uint8Array): boolean => (read16(message, 2) & TC) !== 0

/** Whether an answer has no records in its answer section and is not truncated. */
export const isEmptyAnswer = (message: Uint8Array): boolean => read16(message, 6) === 0 && !isTruncated(message)

/** Reads the response code in a message's header (RFC 1035 §4.1.1). */
export const responseCode = (message: Uint8Array): number => read16(message, 2) & 0xf

const HEADER_BYTES = 12
/** Bytes of a record before its data: owner as a pointer, type, class, TTL, length. */
const FIXED_RECORD_BYTES = 12
const OPT_BYTES = 11
const NAME_OF_QUESTION = 0xc000 | HEADER_BYTES
/**
 * Longest accepted query in bytes: header and question take at most 271; the rest is room for EDNS options such as
 * padding (RFC 8467).
 */
const MAX_QUERY_BYTES = 4096

const QR = 0x8000
const OPCODE = 0x7800
const TC = 0x0200
const RD = 0x0100
const RA = 0x0080

/** Reads the name in the question, which cannot be compressed: there is no name before it to point to. */
const readQuestionName = (bytes: Uint8Array): { name: string; end: number } | undefined =>
  readName(bytes, HEADER_BYTES, { mayPoint: false })

/** Yields `count` records from an offset on; at malformed bytes yields undefined and ends. */
function* records(bytes: Uint8Array, offset: number, count: number): Generator<DnsRecord | undefined> {
  for (let at = offset, left = count; left > 0; left--) {
    const nameAt = at
    const fixed = skipName(bytes, at)
    if (fixed < 0 || fixed + 10 > bytes.length) return yield undefined
    const length = read16(bytes, fixed + 8)
    const dataAt = fixed + 10
    at = dataAt + length
    if (at > bytes.length) return yield undefined
    yield {
      nameAt,
      dataAt,
      type: read16(bytes, fixed),
      recordClass: read16(bytes, fixed + 2),
      ttlSeconds: read16(bytes, fixed + 4) * 0x1_0000 + read16(bytes, fixed + 6),
      data: bytes.subarray(dataAt, at),
    }
  }
}

/** Refuses a query with an error response of only a header, as the question may be malformed. */
const complaint = (bytes: Uint8Array, code: ResponseCode, reason: QueryProblem): QueryVerdict => {
  const answer = new Uint8Array(HEADER_BYTES)
  answer.set(bytes.subarray(0, 2))
  write16(answer, 2, QR | (read16(bytes, 2) & (OPCODE | RD)) | RA | code)
  return { type: 'refused', reason, answer }
}

const read16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

const write16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}
