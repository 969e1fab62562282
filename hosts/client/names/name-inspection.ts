import { OperatorError } from '../../../core/config/operator-error.ts'
import {
  isTruncated,
  parseAnswer,
  ResponseCode,
  CLASS_IN,
  writeQuery,
  type DnsAnswer,
} from '../../../core/dns/message.ts'
import { normalizeName } from '../../../core/dns/pattern.ts'
import { recordText, typeName, typeNumber } from '../../../core/dns/record-text.ts'
import type { AnsweredBy } from '../../../core/dns/upstream-queries.ts'
import { readName } from '../../../core/dns/wire-name.ts'

/** Description of how the client answers a DNS query, as printed by `portreeve client dns query --json`. */
export interface NameInspection {
  name: string
  type: string
  /**
   * Rule of the answer. `resource`: mapped addresses; `site`: by the resource's site; `upstream`: all other names;
   * `resolver`: by the client itself.
   */
  rule: AnsweredBy['type']
  /** Resources that the name belongs to, most specific first. */
  resources: { id: string; name: string }[]
  /** Upstream server that answered; null if none did or none was asked. */
  upstream: string | null
  /** Trouble that the resource's site last had in resolving the name, in words; null if none is known. */
  site_trouble: string | null
  /** Response code: `NOERROR`, `NXDOMAIN` …, or a number. */
  code: string
  answers: { name: string; type: string; ttl: number; data: string }[]
  ms: number
}

/** Has a DNS message answered, and returns the answer with its source. */
export type Ask = (message: Uint8Array, protocol: 'udp' | 'tcp') => Promise<{ message: Uint8Array; by: AnsweredBy }>

/**
 * Queries a name as an application would, over UDP and, if the answer is truncated, over TCP, and describes the answer.
 * @throws OperatorError NAME_INVALID, TYPE_UNKNOWN, DNS_FAILED
 */
export const inspectName = async (
  question: { name: string; type: string },
  {
    ask,
    resources,
    troubleWith = () => undefined,
    now,
  }: {
    ask: Ask
    resources: readonly { id: string; name: string }[]
    troubleWith?: (name: string) => string | undefined
    now: () => number
  },
): Promise<NameInspection> => {
  const type = typeNumber(question.type)
  if (type === undefined) throw new OperatorError('TYPE_UNKNOWN', `${question.type} is not a DNS record type.`)
  const name = normalizeName(question.name)
  const asked = { id: 0, name, type, recordClass: CLASS_IN }
  const message = name === '' ? undefined : writeQuery(asked)
  if (message === undefined) throw new OperatorError('NAME_INVALID', `${question.name} is not a DNS name.`)
  const began = now()
  let answered = await ask(message, 'udp')
  if (isTruncated(answered.message)) answered = await ask(message, 'tcp')
  const ms = Math.round(now() - began)
  const read = parseAnswer(answered.message, asked)
  if (read.type === 'refused') throw new OperatorError('DNS_FAILED', `the answer is invalid: ${read.reason}.`)
  const { by } = answered
  const resourceIds = by.type === 'resource' || by.type === 'site' ? by.resourceIds : []
  return {
    name,
    type: typeName(type),
    rule: by.type,
    resources: resourceIds.map((id) => ({ id, name: resources.find((one) => one.id === id)?.name ?? id })),
    upstream: by.type === 'upstream' && by.upstream !== undefined ? by.upstream.name : null,
    site_trouble: (resourceIds.length > 0 ? troubleWith(name) : undefined) ?? null,
    code: codeName(read.answer),
    answers: read.answer.records.map((record) => ({
      name: readName(answered.message, record.nameAt)?.name ?? '',
      type: typeName(record.type),
      ttl: record.ttlSeconds,
      data: recordText(answered.message, record),
    })),
    ms,
  }
}

const codeName = ({ code }: DnsAnswer): string =>
  Object.entries(ResponseCode).find(([, number]) => number === code)?.[0] ?? String(code)
