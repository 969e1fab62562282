import type { UpstreamVerdict } from '../contract/upstream-resolver.ts'
import { Counters } from '../runtime/counters.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { answerTo, CLASS_IN, fitted, parseAnswer, parseQuery, ResponseCode, type DnsQuery } from './message.ts'
import { recordKind } from './record-kind.ts'
import { siteAnswer } from './site-answer.ts'

/** SRV and TXT at the site (wire §5): the one service of the gateway itself. */
export const SITE_RESOLVER_PORT = 53_535

export type SiteServiceInput<Query> =
  /** A message that came to the gateway's own address from a client's tunnel address. `query` tells whom to answer. */
  | { type: 'siteQueryReceived'; query: Query; client: string; message: Uint8Array; protocol: 'udp' | 'tcp' }
  /** The answer to `judgeName`. */
  | { type: 'nameJudged'; ask: number; permitted: boolean }
  | { type: 'siteAnswered'; ask: number; verdict: UpstreamVerdict }

export type SiteServiceOutput<Query> =
  | { type: 'answerSiteQuery'; query: Query; message: Uint8Array }
  /** Does the client hold a grant for a resource that the (normalized) name belongs to? */
  | { type: 'judgeName'; ask: number; client: string; name: string }
  /** Have the gateway's own resolver asked; `ask` names it for `siteAnswered` and `cancelSiteAsk`. */
  | { type: 'askSite'; ask: number; message: Uint8Array; protocol: 'udp' | 'tcp' }
  | { type: 'cancelSiteAsk'; ask: number }

/**
 * Answers clients what only the site's name server knows of the names of their resources (D4, D15, wire §5): records of every type
 * but addresses, of names that they hold a grant for. All else is refused: addresses are not theirs to know, other names not theirs to ask.
 */
export class SiteService<Query> implements Machine<SiteServiceInput<Query>, SiteServiceOutput<Query>> {
  readonly #outputs = new OutputQueue<SiteServiceOutput<Query>>()
  readonly #counters = new Counters()
  /** Oldest first, which is also whose time is up first. */
  readonly #pending = new Map<number, PendingQuery<Query>>()
  #lastAsk = 0

  handle(input: SiteServiceInput<Query>, now: Instant): void {
    switch (input.type) {
      case 'siteQueryReceived':
        return this.#onQuery(input, now)
      case 'nameJudged':
        return this.#onJudgement(input.ask, input.permitted)
      case 'siteAnswered':
        return this.#onVerdict(input.ask, input.verdict)
    }
  }

  wake(now: Instant): void {
    for (const [ask, pending] of this.#pending) {
      if (pending.endsAt > now) return
      this.#pending.delete(ask)
      this.#outputs.push({ type: 'cancelSiteAsk', ask })
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

  /** What failed or was refused, by reason, and how often. */
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
    if (ofClient >= MAX_OF_CLIENT || this.#pending.size >= MAX_PENDING) {
      return this.#refuse({ query, parsed }, ResponseCode.SERVFAIL, 'too-many-site-queries')
    }
    const ask = ++this.#lastAsk
    const kept = { query, client, parsed, protocol, message: new Uint8Array(message) }
    this.#pending.set(ask, { ...kept, endsAt: after(now, GIVE_UP_AFTER) })
    this.#outputs.push({ type: 'judgeName', ask, client, name: parsed.name })
  }

  #onJudgement(ask: number, permitted: boolean): void {
    const pending = this.#pending.get(ask)
    if (pending === undefined) return
    if (permitted) {
      const { message, protocol } = pending
      this.#outputs.push({ type: 'askSite', ask, message, protocol })
      return
    }
    this.#pending.delete(ask)
    this.#refuse(pending, ResponseCode.REFUSED, 'site-name-refused')
  }

  #onVerdict(ask: number, verdict: UpstreamVerdict): void {
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

/** Before the client gives up, so that it hears why. */
const GIVE_UP_AFTER = 4 * SECOND
const MAX_PENDING = 1_000
const MAX_OF_CLIENT = 32

interface PendingQuery<Query> {
  query: Query
  client: string
  parsed: DnsQuery
  message: Uint8Array
  protocol: 'udp' | 'tcp'
  endsAt: Instant
}
