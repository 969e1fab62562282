import type { UpstreamVerdict } from '../contract/upstream-resolver.ts'
import { Counters } from '../runtime/counters.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import type { AnsweredBy } from './upstream-queries.ts'
import { answerSection, answerTo, fitted, parseAnswer, ResponseCode, type DnsQuery } from './message.ts'

export type SiteQuestionsInput<Query> =
  /** Of a name of these resources, most specific first. */
  | {
      type: 'queryReceived'
      query: Query
      parsed: DnsQuery
      message: Uint8Array
      protocol: 'udp' | 'tcp'
      resourceIds: readonly string[]
    }
  | { type: 'siteAnswered'; ask: number; verdict: UpstreamVerdict }

export type SiteQuestionsOutput<Query> =
  | { type: 'answer'; query: Query; message: Uint8Array; by: AnsweredBy }
  /** Have the gateway of one of these resources asked, authorizing it first; `ask` names it for `siteAnswered` and `cancelSiteAsk`. */
  | { type: 'askSite'; ask: number; resourceIds: readonly string[]; message: Uint8Array; protocol: 'udp' | 'tcp' }
  /** Its answer is of no more use. */
  | { type: 'cancelSiteAsk'; ask: number }

/** What only a resource's site can answer (SRV, TXT): the query waits for the gateway, 5 s at most, and is then answered SERVFAIL. */
export class SiteQuestions<Query> implements Machine<SiteQuestionsInput<Query>, SiteQuestionsOutput<Query>> {
  readonly #outputs = new OutputQueue<SiteQuestionsOutput<Query>>()
  readonly #counters = new Counters()
  /** Oldest first, which is also whose time is up first. */
  readonly #pending = new Map<number, PendingQuestion<Query>>()
  #lastAsk = 0

  handle(input: SiteQuestionsInput<Query>, now: Instant): void {
    if (input.type === 'siteAnswered') return this.#onVerdict(input.ask, input.verdict)
    const { query, parsed, message, protocol, resourceIds } = input
    if (this.#pending.size >= MAX_PENDING) return this.#fail({ query, parsed, resourceIds }, 'tooManySiteQuestions')
    const ask = ++this.#lastAsk
    this.#pending.set(ask, { query, parsed, protocol, resourceIds, endsAt: after(now, GIVE_UP_AFTER) })
    this.#outputs.push({ type: 'askSite', ask, resourceIds, message: new Uint8Array(message), protocol })
  }

  wake(now: Instant): void {
    for (const [ask, pending] of this.#pending) {
      if (pending.endsAt > now) return
      this.#pending.delete(ask)
      this.#outputs.push({ type: 'cancelSiteAsk', ask })
      this.#fail(pending, 'siteTimedOut')
    }
  }

  poll(): SiteQuestionsOutput<Query> | undefined {
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
    if (verdict.type === 'failed') return this.#fail(pending, `site_${verdict.code}`)
    const read = parseAnswer(verdict.message, parsed)
    if (read.type === 'refused') return this.#fail(pending, `siteAnswer_${read.reason}`)
    // D1: what a server adds to an answer may be real addresses.
    const message = fitted(parsed, protocol, answerSection(parsed, verdict.message, read.answer))
    this.#outputs.push({ type: 'answer', query, message, by: { type: 'site', resourceIds } })
  }

  #fail(
    { query, parsed, resourceIds }: Pick<PendingQuestion<Query>, 'query' | 'parsed' | 'resourceIds'>,
    reason: string,
  ): void {
    this.#counters.count(reason)
    const message = answerTo(parsed, { code: ResponseCode.SERVFAIL })
    this.#outputs.push({ type: 'answer', query, message, by: { type: 'site', resourceIds } })
  }
}

const GIVE_UP_AFTER = 5 * SECOND
const MAX_PENDING = 256

interface PendingQuestion<Query> {
  query: Query
  parsed: DnsQuery
  protocol: 'udp' | 'tcp'
  resourceIds: readonly string[]
  endsAt: Instant
}
