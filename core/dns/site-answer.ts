import { joinedBytes } from '../net/joined-bytes.ts'
import { answerTo, CLASS_IN, type DnsAnswer, type DnsQuery, type ResponseCode } from './message.ts'
import { expandedData } from './record-data.ts'
import { carriesAddresses } from './record-kind.ts'
import { expandName } from './wire-name.ts'

/**
 * Rewrites a parsed answer for a resource's name so that it holds no real address (D1, D15): keeps only the answer
 * section, drops records that carry addresses, and decompresses names. Undefined if a record is malformed or the result
 * is too long. The caller owns the bytes.
 */
export const siteAnswer = (
  query: DnsQuery,
  message: Uint8Array,
  { code, truncated, records }: DnsAnswer,
): Uint8Array | undefined => {
  const kept: Uint8Array[] = []
  for (const record of records) {
    if (carriesAddresses(record.type) || record.recordClass !== CLASS_IN) continue
    const owner = expandName(message, record.nameAt)?.wire
    const data = expandedData(message, record)
    if (owner === undefined || data === undefined) return undefined
    const fixed = new DataView(new ArrayBuffer(FIXED_BYTES))
    fixed.setUint16(0, record.type)
    fixed.setUint16(2, record.recordClass)
    fixed.setUint32(4, record.ttlSeconds)
    fixed.setUint16(8, data.length)
    kept.push(joinedBytes([isQuestion(owner, query) ? POINTER_TO_QUESTION : owner, new Uint8Array(fixed.buffer), data]))
  }
  const whole = answerTo(query, { code: code as ResponseCode, truncated })
  // The OPT record goes behind the answer's records (RFC 6891 §6.1.1); its length is the difference to an answer
  // without EDNS.
  const edns = whole.length - answerTo({ ...query, udpBytes: undefined }, { code: code as ResponseCode }).length
  const bytes = joinedBytes([whole.subarray(0, whole.length - edns), ...kept, whole.subarray(whole.length - edns)])
  if (bytes.length > MAX_MESSAGE_BYTES) return undefined
  bytes.set([kept.length >>> 8, kept.length], ANSWER_COUNT_AT)
  return bytes
}

/** Bytes of a record between its name and its data: type, class, TTL, length. */
const FIXED_BYTES = 10
const ANSWER_COUNT_AT = 6
const POINTER_TO_QUESTION = Uint8Array.of(0xc0, 12)
const MAX_MESSAGE_BYTES = 0xffff

/** Whether a name is the one asked for, in the same letter case. */
const isQuestion = (owner: Uint8Array, { question }: DnsQuery): boolean =>
  owner.length === question.length - 4 && owner.every((byte, at) => byte === question[at])
