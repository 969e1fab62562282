import type { ServerVerdict } from '../contract/upstream-resolver.ts'
import { Counters } from '../runtime/counters.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import {
  answerTo,
  ExtendedError,
  fitted,
  parseAnswer,
  isEmptyAnswer,
  ResponseCode,
  responseCode,
  type DnsQuery,
} from './message.ts'
import { leadsToServices } from './record-kind.ts'
import { siteAnswer } from './site-answer.ts'
import type { AnsweredBy } from './upstream-queries.ts'

/** Inputs of `SiteQueries`. */
export type SiteQueriesInput<Query> =
  /** A query for a name that belongs to these resources, most specific first. */
  | {
      type: 'queryReceived'
      query: Query
      parsed: DnsQuery
      message: Uint8Array
      protocol: 'udp' | 'tcp'
      resourceIds: readonly string[]
      /** Index of the first upstream server to ask if the site has no such record. */
      first: number
    }
  | { type: 'siteAnswered'; ask: number; verdict: ServerVerdict }

/** Outputs of `SiteQueries`: answers, and requests to carry out. */
export type SiteQueriesOutput<Query> =
  | { type: 'answer'; query: Query; message: Uint8Array; by: AnsweredBy }
  /**
   * Ask a gateway of one of these resources, after authorization. `ask` identifies the request in `siteAnswered` and
   * `cancelSiteAsk`.
   */
  | {
      type: 'askSite'
      ask: number
      resourceIds: readonly string[]
      recordType: number
      message: Uint8Array
      protocol: 'udp' | 'tcp'
    }
  /** The answer to this request is not needed any more. */
  | { type: 'cancelSiteAsk'; ask: number }
  /**
   * Ask an upstream server: the site has no such record (its answer is `siteAnswer`), or its gateway does not answer
   * this type (`siteAnswer` is absent).
   */
  | ({ type: 'askElsewhere'; siteAnswer: Uint8Array | undefined } & Omit<PendingQuery<Query>, 'endsAt'>)

/**
 * Has a resource's site answer queries for records of its names (D4, D15). A query that the gateway does not answer
 * within 5 s gets SERVFAIL, and so does one at once if no gateway can be reached; an extended DNS error tells the cause.
 * Upstream servers are never asked for SRV and TXT, which describe services of the site.
 */
export class SiteQueries<Query> implements Machine<SiteQueriesInput<Query>, SiteQueriesOutput<Query>> {
  readonly #outputs = new OutputQueue<SiteQueriesOutput<Query>>()
  readonly #counters = new Counters()
  /** Pending queries by request, oldest first, which is also the order of their deadlines. */
  readonly #pending = new Map<number, PendingQuery<Query>>()
  #lastAsk = 0

  handle(input: SiteQueriesInput<Query>, now: Instant): void {
    if (input.type === 'siteAnswered') return this.#onVerdict(input.ask, input.verdict)
    const { query, parsed, message, protocol, resourceIds, first } = input
    if (this.#pending.size >= MAX_PENDING_QUERIES)
      return this.#fail({ query, parsed, resourceIds }, 'too-many-site-queries')
    const ask = ++this.#lastAsk
    const kept = { query, parsed, message: new Uint8Array(message), protocol, resourceIds, first }
    this.#pending.set(ask, { ...kept, endsAt: after(now, GIVE_UP_AFTER_MS) })
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

  #onVerdict(ask: number, verdict: ServerVerdict): void {
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
    const message = answerTo(parsed, { code: ResponseCode.SERVFAIL, extendedError: EXTENDED_ERRORS[reason] })
    this.#outputs.push({ type: 'answer', query, message, by: { type: 'site', resourceIds } })
  }
}

/** Whether an answer is not truncated and says that there is no such record or no such name. */
const isWithoutRecords = (message: Uint8Array): boolean => {
  const code = responseCode(message)
  return code === ResponseCode.NXDOMAIN || (code === ResponseCode.NOERROR && isEmptyAnswer(message))
}

/** Causes of failures that the asker is told, by the reason counted. */
const EXTENDED_ERRORS: Readonly<Record<string, ExtendedError>> = {
  'site-refused': ExtendedError.PROHIBITED,
  'site-unreachable': ExtendedError.NO_REACHABLE_AUTHORITY,
  'site-timed-out': ExtendedError.NO_REACHABLE_AUTHORITY,
}

const GIVE_UP_AFTER_MS = 5 * SECOND
const MAX_PENDING_QUERIES = 256

interface PendingQuery<Query> {
  query: Query
  parsed: DnsQuery
  message: Uint8Array
  protocol: 'udp' | 'tcp'
  resourceIds: readonly string[]
  first: number
  endsAt: Instant
}
