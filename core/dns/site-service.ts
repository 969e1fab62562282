import type { ServerVerdict } from '../contract/upstream-resolver.ts'
import { Counters } from '../runtime/counters.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { answerTo, CLASS_IN, fitted, parseAnswer, parseQuery, ResponseCode, type DnsQuery } from './message.ts'
import { recordKind } from './record-kind.ts'
import { siteAnswer } from './site-answer.ts'

/** UDP and TCP port of a gateway's DNS service for clients, at its tunnel address (wire §5). */
export const SITE_SERVICE_PORT = 53_535

/** Inputs of `SiteService`. */
export type SiteServiceInput<Query> =
  /** A DNS message from a client's tunnel address. `query` identifies the asker in `answerSiteQuery`. */
  | { type: 'siteQueryReceived'; query: Query; client: string; message: Uint8Array; protocol: 'udp' | 'tcp' }
  /** Answer to `judgeName`. */
  | { type: 'nameJudged'; ask: number; permitted: boolean }
  | { type: 'forwardAnswered'; ask: number; verdict: ServerVerdict }

/** Outputs of `SiteService`: answers, and requests to carry out. */
export type SiteServiceOutput<Query> =
  | { type: 'answerSiteQuery'; query: Query; message: Uint8Array }
  /** Ask whether the client has a grant for a resource with this (normalized) name. */
  | { type: 'judgeName'; ask: number; client: string; name: string }
  /**
   * Forward a query to the gateway's own resolver. `ask` identifies the request in `forwardAnswered` and
   * `cancelForward`.
   */
  | { type: 'forwardQuery'; ask: number; message: Uint8Array; protocol: 'udp' | 'tcp' }
  | { type: 'cancelForward'; ask: number }

/**
 * DNS service of a gateway for its clients (D4, D15, wire §5). Forwards queries to the site's name server if the client
 * has a grant for a resource with that name; refuses all other names, and all types that carry addresses.
 */
export class SiteService<Query> implements Machine<SiteServiceInput<Query>, SiteServiceOutput<Query>> {
  readonly #outputs = new OutputQueue<SiteServiceOutput<Query>>()
  readonly #counters = new Counters()
  /** Pending queries by request, oldest first, which is also the order of their deadlines. */
  readonly #pending = new Map<number, PendingQuery<Query>>()
  #lastAsk = 0

  handle(input: SiteServiceInput<Query>, now: Instant): void {
    switch (input.type) {
      case 'siteQueryReceived':
        return this.#onQuery(input, now)
      case 'nameJudged':
        return this.#onJudgement(input.ask, input.permitted)
      case 'forwardAnswered':
        return this.#onVerdict(input.ask, input.verdict)
    }
  }

  wake(now: Instant): void {
    for (const [ask, pending] of this.#pending) {
      if (pending.endsAt > now) return
      this.#pending.delete(ask)
      this.#outputs.push({ type: 'cancelForward', ask })
      this.#fail(pending, 'site-query-timed-out')
    }
  }

  poll(): SiteServiceOutput<Query> | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    for (const { endsAt } of this.#pending.values())
      return { at: endsAt, reason: "the site's resolver has not answered a client" }
    return undefined
  }

  /** Returns the number of failed and refused queries, by reason. */
  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  #onQuery(input: SiteServiceInput<Query> & { type: 'siteQueryReceived' }, now: Instant): void {
    const { query, client, message, protocol } = input
    const verdict = parseQuery(message)
    if (verdict.type === 'refused') {
      this.#counters.count(verdict.reason)
      if (verdict.answer !== undefined) this.#outputs.push({ type: 'answerSiteQuery', query, message: verdict.answer })
      return
    }
    const parsed = verdict.query
    if (parsed.recordClass !== CLASS_IN || recordKind(parsed.type) !== 'data') {
      return this.#refuse({ query, parsed }, ResponseCode.REFUSED, 'site-type-refused')
    }
    let ofClient = 0
    for (const pending of this.#pending.values()) if (pending.client === client) ofClient++
    if (ofClient >= MAX_QUERIES_OF_CLIENT || this.#pending.size >= MAX_PENDING_QUERIES) {
      return this.#refuse({ query, parsed }, ResponseCode.SERVFAIL, 'too-many-site-queries')
    }
    const ask = ++this.#lastAsk
    const kept = { query, client, parsed, protocol, message: new Uint8Array(message) }
    this.#pending.set(ask, { ...kept, endsAt: after(now, GIVE_UP_AFTER_MS) })
    this.#outputs.push({ type: 'judgeName', ask, client, name: parsed.name })
  }

  #onJudgement(ask: number, permitted: boolean): void {
    const pending = this.#pending.get(ask)
    if (pending === undefined) return
    if (permitted) {
      const { message, protocol } = pending
      this.#outputs.push({ type: 'forwardQuery', ask, message, protocol })
      return
    }
    this.#pending.delete(ask)
    this.#refuse(pending, ResponseCode.REFUSED, 'site-name-refused')
  }

  #onVerdict(ask: number, verdict: ServerVerdict): void {
    const pending = this.#pending.get(ask)
    if (pending === undefined) return
    this.#pending.delete(ask)
    const { query, parsed, protocol } = pending
    if (verdict.type === 'failed') return this.#fail(pending, `site-query-${verdict.code}`)
    const read = parseAnswer(verdict.message, parsed)
    if (read.type === 'refused') return this.#fail(pending, `site-query-answer-${read.reason}`)
    const answer = siteAnswer(parsed, verdict.message, read.answer)
    if (answer === undefined) return this.#fail(pending, 'site-query-answer-unreadable')
    const message = fitted(parsed, protocol, answer)
    this.#outputs.push({ type: 'answerSiteQuery', query, message })
  }

  #fail(pending: PendingQuery<Query>, reason: string): void {
    this.#refuse(pending, ResponseCode.SERVFAIL, reason)
  }

  #refuse({ query, parsed }: Pick<PendingQuery<Query>, 'query' | 'parsed'>, code: ResponseCode, reason: string): void {
    this.#counters.count(reason)
    this.#outputs.push({ type: 'answerSiteQuery', query, message: answerTo(parsed, { code }) })
  }
}

/**
 * Time after which a query gets SERVFAIL: less than the client's own timeout of 5 s, so that the client gets an answer.
 */
const GIVE_UP_AFTER_MS = 4 * SECOND
const MAX_PENDING_QUERIES = 1_000
/** Most pending queries of one client. */
const MAX_QUERIES_OF_CLIENT = 32

interface PendingQuery<Query> {
  query: Query
  client: string
  parsed: DnsQuery
  message: Uint8Array
  protocol: 'udp' | 'tcp'
  endsAt: Instant
}
