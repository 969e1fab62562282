import type { UpstreamVerdict } from '../contract/upstream-resolver.ts'
import { Counters } from '../runtime/counters.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { answerTo, fitted, parseAnswer, isEmptyAnswer, ResponseCode, responseCode, type DnsQuery } from './message.ts'
import { leadsToServices } from './record-kind.ts'
import { siteAnswer } from './site-answer.ts'
import type { AnsweredBy } from './upstream-queries.ts'

export type SiteQueriesInput<Query> =
  /** Of a name of these resources, most specific first. */
  | {
      type: 'queryReceived'
      query: Query
      parsed: DnsQuery
      message: Uint8Array
      protocol: 'udp' | 'tcp'
      resourceIds: readonly string[]
      /** The index of the upstream server to begin with where the site has no such record. */
      first: number
    }
  | { type: 'siteAnswered'; ask: number; verdict: UpstreamVerdict }

export type SiteQueriesOutput<Query> =
  | { type: 'answer'; query: Query; message: Uint8Array; by: AnsweredBy }
  /** Have the gateway of one of these resources asked, authorizing it first; `ask` names it for `siteAnswered` and `cancelSiteAsk`. */
  | {
      type: 'askSite'
      ask: number
      resourceIds: readonly string[]
      recordType: number
      message: Uint8Array
      protocol: 'udp' | 'tcp'
    }
  /** Its answer is of no more use. */
  | { type: 'cancelSiteAsk'; ask: number }
  /** The site has no such record, as `siteAnswer` says, or its gateway knows no such types (absent): an upstream server may have one. */
  | ({ type: 'askElsewhere'; siteAnswer: Uint8Array | undefined } & Omit<PendingQuery<Query>, 'endsAt'>)

/**
 * Queries that a resource's site answers (D4, D15): each waits for the gateway, 5 s at most, and is then answered SERVFAIL. SRV and TXT, by which
 * services of the site are found, nobody else is asked for.
 */
export class SiteQueries<Query> implements Machine<SiteQueriesInput<Query>, SiteQueriesOutput<Query>> {
  readonly #outputs = new OutputQueue<SiteQueriesOutput<Query>>()
  readonly #counters = new Counters()
  /** Oldest first, which is also whose time is up first. */
  readonly #pending = new Map<number, PendingQuery<Query>>()
  #lastAsk = 0

  handle(input: SiteQueriesInput<Query>, now: Instant): void {
    if (input.type === 'siteAnswered') return this.#onVerdict(input.ask, input.verdict)
    const { query, parsed, message, protocol, resourceIds, first } = input
    if (this.#pending.size >= MAX_PENDING) return this.#fail({ query, parsed, resourceIds }, 'too-many-site-queries')
    const ask = ++this.#lastAsk
    const kept = { query, parsed, message: new Uint8Array(message), protocol, resourceIds, first }
    this.#pending.set(ask, { ...kept, endsAt: after(now, GIVE_UP_AFTER) })
    const copy = new Uint8Array(message)
    this.#outputs.push({ type: 'askSite', ask, resourceIds, recordType: parsed.type, message: copy, protocol })
  }

  wake(now: Instant): void {
    for (const [ask, pending] of this.#pending) {
      if (pending.endsAt > now) return
      this.#pending.delete(ask)
      this.#outputs.push({ type: 'cancelSiteAsk', ask })
      this.#fail(pending, 'site-timed-out')
    }
  }

  poll(): SiteQueriesOutput<Query> | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    for (const { endsAt } of this.#pending.values()) return { at: endsAt, reason: 'a site has not answered' }
    return undefined
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  #onVerdict(ask: number, verdict: UpstreamVerdict): void {
    const pending = this.#pending.get(ask)
    if (pending === undefined) return
    this.#pending.delete(ask)
    const { query, parsed, protocol, resourceIds } = pending
    const { endsAt: _, ...asked } = pending
    const isOnlyOfSite = leadsToServices(parsed.type)
    if (verdict.type === 'failed') {
      if (verdict.code !== 'unsupported' || isOnlyOfSite) return this.#fail(pending, `site-${verdict.code}`)
      this.#outputs.push({ type: 'askElsewhere', ...asked, siteAnswer: undefined })
      return
    }
    const read = parseAnswer(verdict.message, parsed)
    if (read.type === 'refused') return this.#fail(pending, `site-answer-${read.reason}`)
    const answer = siteAnswer(parsed, verdict.message, read.answer)
    if (answer === undefined) return this.#fail(pending, 'site-answer-unreadable')
    const message = fitted(parsed, protocol, answer)
    if (!isOnlyOfSite && isWithoutRecords(message)) {
      this.#outputs.push({ type: 'askElsewhere', ...asked, siteAnswer: message })
      return
    }
    this.#outputs.push({ type: 'answer', query, message, by: { type: 'site', resourceIds } })
  }

  #fail(
    { query, parsed, resourceIds }: Pick<PendingQuery<Query>, 'query' | 'parsed' | 'resourceIds'>,
    reason: string,
  ): void {
    this.#counters.count(reason)
    const message = answerTo(parsed, { code: ResponseCode.SERVFAIL })
    this.#outputs.push({ type: 'answer', query, message, by: { type: 'site', resourceIds } })
  }
}

/** Whether a whole answer says that there is no such record, or no such name. */
const isWithoutRecords = (message: Uint8Array): boolean => {
  const code = responseCode(message)
  return code === ResponseCode.NXDOMAIN || (code === ResponseCode.NOERROR && isEmptyAnswer(message))
}

const GIVE_UP_AFTER = 5 * SECOND
const MAX_PENDING = 256

interface PendingQuery<Query> {
  query: Query
  parsed: DnsQuery
  message: Uint8Array
  protocol: 'udp' | 'tcp'
  resourceIds: readonly string[]
  first: number
  endsAt: Instant
}
