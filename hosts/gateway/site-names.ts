import type { ServerVerdict } from '../../core/contract/upstream-resolver.ts'
import { answeredData } from '../../core/dns/answered-data.ts'
import {
  answerTo,
  CLASS_IN,
  parseAnswer,
  parseQuery,
  RecordType,
  ResponseCode,
  responseCode,
  writeQuery,
  type DnsQuery,
} from '../../core/dns/message.ts'
import { carriesAddresses } from '../../core/dns/record-kind.ts'
import { siteAnswer } from '../../core/dns/site-answer.ts'
import { writeName } from '../../core/dns/wire-name.ts'
import { parseAddress } from '../../core/net/ip-address.ts'
import type { SystemNames } from '../../core/runtime/dns-exchange.ts'
import type { SiteQuery } from './site-resolvers.ts'

/**
 * Resolves names as programs on the gateway's machine do: with its hosts file, its name servers and, for names of one
 * label, its search domains.
 */
export class SiteNames {
  readonly #ask: (query: SiteQuery) => Promise<ServerVerdict>
  readonly #system: SystemNames

  /** `ask` asks the site's resolvers, and never rejects. */
  constructor({ ask, system }: { ask: (query: SiteQuery) => Promise<ServerVerdict>; system: SystemNames }) {
    this.#ask = ask
    this.#system = system
  }

  /** Answers a query. Never rejects. */
  async resolve(query: SiteQuery): Promise<ServerVerdict> {
    const parsed = parseQuery(query.message)
    if (parsed.type === 'refused' || parsed.query.recordClass !== CLASS_IN) return this.#ask(query)
    const { query: asked } = parsed
    const addresses = this.#system.hostAddresses(asked.name)
    if (addresses === undefined) return this.#search(query, asked)
    const fromHosts = hostsAnswer(asked, addresses)
    const isAddress = asked.type === RecordType.A || asked.type === RecordType.AAAA
    if (isAddress && !this.#system.asksServersFirst()) return fromHosts
    const verdict = await this.#search(query, asked)
    // The hosts file shows that the name exists, so an empty or negative answer of the servers is replaced.
    return verdict.type === 'answered' && !isEmpty(verdict.message, asked) ? verdict : fromHosts
  }

  /** Tries a name of one label in each search domain, then as it is. resolv.conf(5), `search` */
  async #search(query: SiteQuery, asked: DnsQuery): Promise<ServerVerdict> {
    const isShort = asked.name !== '' && !asked.name.includes('.')
    let failure: ServerVerdict | undefined
    for (const domain of isShort ? this.#system.searchDomains() : []) {
      const name = `${asked.name}.${domain}`
      const message = writeQuery({ id: asked.id, name, type: asked.type })
      if (message === undefined) continue
      const verdict = await this.#ask({ ...query, message })
      if (verdict.type === 'failed' && verdict.code === 'aborted') return verdict
      const code = verdict.type === 'answered' ? responseCode(verdict.message) : undefined
      if (verdict.type === 'answered' && code === ResponseCode.NOERROR) return renamed(asked, name, verdict.message)
      if (code !== ResponseCode.NXDOMAIN) failure ??= verdict
    }
    const verdict = await this.#ask(query)
    const isFound = verdict.type === 'answered' && responseCode(verdict.message) === ResponseCode.NOERROR
    if (isFound || failure === undefined) return verdict
    return failure.type === 'failed' ? failure : answered(answerTo(asked, { code: ResponseCode.SERVFAIL }))
  }
}

/** Offset of the question in a DNS message. RFC 1035 §4.1 */
const QUESTION_AT = 12

const answered = (message: Uint8Array): ServerVerdict => ({ type: 'answered', message })

const hostsAnswer = (asked: DnsQuery, addresses: readonly string[]): ServerVerdict => {
  const length = asked.type === RecordType.A ? 4 : asked.type === RecordType.AAAA ? 16 : 0
  const data = addresses.map((text) => parseAddress(text)).filter((bytes) => bytes?.length === length)
  const records = { type: asked.type, ttlSeconds: 0, data: data as Uint8Array[] }
  return answered(answerTo(asked, { code: ResponseCode.NOERROR, records }))
}

const isEmpty = (message: Uint8Array, asked: DnsQuery): boolean => {
  const read = parseAnswer(message, asked)
  return read.type === 'refused' || read.answer.code !== ResponseCode.NOERROR || read.answer.records.length === 0
}

/** Rewrites an answer for a full name into one for the short name that was asked. */
const renamed = (asked: DnsQuery, name: string, message: Uint8Array): ServerVerdict => {
  const whole = { ...asked, name }
  const read = parseAnswer(message, whole)
  if (read.type === 'refused')
    return { type: 'failed', code: 'malformed', reason: `the answer is invalid: ${read.reason}` }
  const { truncated } = read.answer
  if (carriesAddresses(asked.type)) {
    const records = { type: asked.type, ttlSeconds: 0, data: answeredData(message, read.answer, whole) }
    return answered(answerTo(asked, { code: ResponseCode.NOERROR, truncated, records }))
  }
  const question = Uint8Array.from([...(writeName(name) ?? []), ...asked.question.subarray(-4)])
  const answer = siteAnswer({ ...whole, question }, message, read.answer)
  if (answer === undefined) return { type: 'failed', code: 'malformed', reason: 'the answer cannot be read' }
  // Records refer to the question's name by its offset only, so replacing the question renames them, too.
  const renamed = [
    ...answer.subarray(0, QUESTION_AT),
    ...asked.question,
    ...answer.subarray(QUESTION_AT + question.length),
  ]
  return answered(Uint8Array.from(renamed))
}
