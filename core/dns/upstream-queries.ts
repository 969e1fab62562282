import type { UpstreamVerdict } from '../contract/upstream-resolver.ts'
import { Counters } from '../runtime/counters.ts'
import type { Endpoint } from '../runtime/endpoint.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { anotherMayKnow, ASK_LAST_FOR_MS } from './another-server.ts'
import { DEFAULT_RANGES, type AddressRanges } from '../net/address-ranges.ts'
import { leadsToMapped } from './mapped-addresses.ts'
import { hintedAddresses } from './service-hints.ts'
import {
  answerTo,
  fitted,
  isEmptyAnswer,
  parseAnswer,
  RecordType,
  ResponseCode,
  type DnsAnswer,
  type DnsQuery,
} from './message.ts'
import { siteAnswer } from './site-answer.ts'
import { resolversFor, type ForNames } from './split-dns.ts'

/** An upstream that can be asked, and the names to ask it for. */
export interface Upstream extends ForNames {
  /** Key of the resolver plugin that asks it. */
  kind: string
  /** Settings for the plugin. */
  settings: unknown
  /** One of several servers that the settings stand for. */
  server?: Endpoint
  /** Name for people to read. */
  name: string
}

/** Resources of a name in a query that their site could not answer. */
export interface NameOfSite {
  resourceIds: readonly string[]
  /** Site's answer without records; undefined if the site does not answer this record type. */
  siteAnswer: Uint8Array | undefined
}

/** Source of an answer. */
export type AnsweredBy =
  /** This resolver, for a name (`domain`) of resources: mapped addresses or no records. */
  | { type: 'resource'; domain: string; resourceIds: readonly string[] }
  /** Site of a resource. */
  | { type: 'site'; resourceIds: readonly string[] }
  /**
   * Upstream server, for a name of no resource or a record that the site does not have; undefined if no server
   * answered.
   */
  | { type: 'upstream'; upstream: Upstream | undefined }
  /** This resolver, for other queries: reverse lookups of mapped addresses, the canary domain, malformed messages. */
  | { type: 'resolver' }

/** Inputs of `UpstreamQueries`. */
export type UpstreamQueriesInput<Query> =
  | { type: 'upstreamsChanged'; upstreams: readonly Upstream[] }
  | { type: 'rangesChanged'; ranges: AddressRanges }
  /**
   * `first` is the index of the upstream to ask first; `upstreams`, if present, are asked instead of those of
   * `upstreamsChanged`.
   */
  | {
      type: 'queryReceived'
      query: Query
      parsed: DnsQuery
      message: Uint8Array
      protocol: 'udp' | 'tcp'
      first: number
      upstreams?: readonly Upstream[] | undefined
      nameOfSite?: NameOfSite
    }
  | { type: 'upstreamAnswered'; ask: number; verdict: UpstreamVerdict }

/** Outputs of `UpstreamQueries`: answers, and requests to carry out. */
export type UpstreamQueriesOutput<Query> =
  | { type: 'answer'; query: Query; message: Uint8Array; by: AnsweredBy }
  /** Have an upstream's resolver plugin ask it. `ask` identifies the request in `upstreamAnswered` and `cancelAsk`. */
  | { type: 'askUpstream'; ask: number; upstream: Upstream; message: Uint8Array; protocol: 'udp' | 'tcp' }
  /** The answer to this request is not needed any more. */
  | { type: 'cancelAsk'; ask: number }

/**
 * Asks upstream servers until one answers. When a server fails, or has not answered within a second, the next one is
 * asked too, in turns; the first answer counts. A server that failed or was late is asked last for 30 s. A query
 * without an answer after 5 s gets SERVFAIL.
 *
 * Servers for certain domains are asked first for names of these (`resolversFor`). The others are asked once all of
 * those have failed or have nothing to do with the name, but not because they are slow: others know nothing of such
 * names, and would say that they do not exist.
 */
export class UpstreamQueries<Query> implements Machine<UpstreamQueriesInput<Query>, UpstreamQueriesOutput<Query>> {
  readonly #outputs = new OutputQueue<UpstreamQueriesOutput<Query>>()
  readonly #counters = new Counters()
  #upstreams: readonly KnownUpstream[] = []
  #ranges: AddressRanges = DEFAULT_RANGES
  /**
   * Pending queries in the order of `lookAt`: a query moves to the end when its next check is set, always a second
   * ahead.
   */
  readonly #pending = new Set<PendingQuery<Query>>()
  readonly #asks = new Map<number, Ask<Query>>()
  #lastAsk = 0

  handle(input: UpstreamQueriesInput<Query>, now: Instant): void {
    switch (input.type) {
      case 'upstreamsChanged':
        this.#upstreams = input.upstreams.map(alive)
        return
      case 'rangesChanged':
        this.#ranges = input.ranges
        return
      case 'queryReceived':
        return this.#begin(input, now)
      case 'upstreamAnswered':
        return this.#onVerdict(input.ask, input.verdict, now)
    }
  }

  wake(now: Instant): void {
    for (const pending of this.#pending) {
      if (pending.lookAt > now) return
      this.#moveOn(pending, now)
    }
  }

  poll(): UpstreamQueriesOutput<Query> | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    for (const { lookAt } of this.#pending) return { at: lookAt, reason: 'an upstream resolver has not answered' }
    return undefined
  }

  /** Returns the number of failures by reason. */
  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  #begin(
    {
      query,
      parsed,
      message,
      protocol,
      first,
      upstreams,
      nameOfSite,
    }: Extract<UpstreamQueriesInput<Query>, { type: 'queryReceived' }>,
    now: Instant,
  ): void {
    const known = upstreams?.map(alive) ?? this.#upstreams
    const rotated = [...known.slice(first), ...known.slice(0, first)]
    const [candidates, ...later] = this.#candidates(parsed.name, rotated, now)
    if (candidates === undefined || this.#pending.size >= MAX_QUERIES_IN_FLIGHT) {
      this.#counters.count(candidates === undefined ? 'no-upstream' : 'too-many-queries')
      const failure = answerTo(parsed, { code: ResponseCode.SERVFAIL })
      const { message: known, by } = siteAnswered(nameOfSite) ?? { message: failure, by: NOBODY }
      this.#outputs.push({ type: 'answer', query, message: known, by })
      return
    }
    const pending: PendingQuery<Query> = {
      query,
      parsed,
      message: new Uint8Array(message),
      protocol,
      candidates,
      later,
      next: 0,
      asks: new Set(),
      lookAt: after(now, MOVE_ON_AFTER_MS),
      endsAt: after(now, GIVE_UP_AFTER_MS),
      refusal: undefined,
      refusedBy: undefined,
      nameOfSite,
    }
    this.#pending.add(pending)
    this.#askNext(pending, now)
  }

  /** Returns the groups of servers to ask for a name, in each those last that have failed lately. */
  #candidates(name: string, servers: readonly KnownUpstream[], now: Instant): KnownUpstream[][] {
    const isDead = ({ deadUntil }: KnownUpstream) => deadUntil !== undefined && deadUntil > now
    const groups = resolversFor(name, servers)
    return groups.map((group) => [...group.filter((one) => !isDead(one)), ...group.filter(isDead)])
  }

  #askNext(pending: PendingQuery<Query>, now: Instant): void {
    if (pending.candidates.length === 0) {
      pending.candidates = pending.later.shift() ?? []
      pending.next = 0
    }
    const known = pending.candidates[pending.next % pending.candidates.length]
    if (known === undefined) {
      if (pending.refusal === undefined) this.#counters.count('all-upstreams-failed')
      return this.#giveUp(pending)
    }
    pending.next = (pending.next + 1) % pending.candidates.length
    const ask = ++this.#lastAsk
    this.#asks.set(ask, { pending, known, since: now })
    pending.asks.add(ask)
    const { upstream } = known
    const { message, protocol } = pending
    this.#outputs.push({ type: 'askUpstream', ask, upstream, message: new Uint8Array(message), protocol })
  }

  #moveOn(pending: PendingQuery<Query>, now: Instant): void {
    for (const ask of pending.asks) {
      const { known, since } = this.#asks.get(ask) ?? {}
      if (known !== undefined && since !== undefined && now - since >= MOVE_ON_AFTER_MS) this.#markDead(known, now)
    }
    if (now >= pending.endsAt) {
      this.#counters.count('upstreams-timed-out')
      return this.#giveUp(pending)
    }
    this.#pending.delete(pending)
    pending.lookAt = after(now, MOVE_ON_AFTER_MS)
    this.#pending.add(pending)
    this.#askNext(pending, now)
  }

  #onVerdict(id: number, verdict: UpstreamVerdict, now: Instant): void {
    const ask = this.#asks.get(id)
    // A cancelled request may still be answered.
    if (ask === undefined) return
    this.#asks.delete(id)
    const { pending, known } = ask
    pending.asks.delete(id)

    if (verdict.type === 'notMine') {
      this.#counters.count('upstream-not-mine')
      known.deadUntil = undefined
      return this.#withoutCandidate(pending, known, now)
    }
    if (verdict.type === 'failed') {
      this.#counters.count(`upstream-${verdict.code}`)
      this.#markDead(known, now)
      return this.#withoutCandidate(pending, known, now)
    }
    const read = parseAnswer(verdict.message, pending.parsed)
    if (read.type === 'refused') {
      this.#counters.count(`upstream-answer-${read.reason}`)
      return this.#withoutCandidate(pending, known, now)
    }
    known.deadUntil = undefined
    const { answer } = read
    if (answer.records.some((record) => isMappedAddress(record, this.#ranges))) {
      // A foreign name must not lead an application to a resource (DNS rebinding).
      this.#counters.count('upstream-answer-mapped-address')
      return this.#finish(pending, answerTo(pending.parsed, { code: ResponseCode.SERVFAIL }), known.upstream)
    }
    if (pending.nameOfSite !== undefined && !anotherMayKnow(answer.code)) {
      return this.#finishOfSite(pending, { message: verdict.message, answer, upstream: known.upstream })
    }
    const message = fitted(pending.parsed, pending.protocol, verdict.message)
    if (!anotherMayKnow(answer.code)) return this.#finish(pending, message, known.upstream)
    pending.refusal ??= message
    pending.refusedBy ??= known.upstream
    this.#withoutCandidate(pending, known, now)
  }

  /** Removes a server that cannot answer a query, and asks the next if no other request is pending. */
  #withoutCandidate(pending: PendingQuery<Query>, known: KnownUpstream, now: Instant): void {
    const at = pending.candidates.indexOf(known)
    if (at >= 0) {
      pending.candidates.splice(at, 1)
      if (at < pending.next) pending.next--
    }
    // Other servers that are being asked may take until the next check.
    if (pending.asks.size === 0) this.#askNext(pending, now)
  }

  /**
   * Answers a query for a resource's name with an upstream's records, except addresses (D15); if there are none, with
   * the site's answer or no records.
   */
  #finishOfSite(
    pending: PendingQuery<Query>,
    { message, answer, upstream }: { message: Uint8Array; answer: DnsAnswer; upstream: Upstream },
  ): void {
    const { parsed, protocol, nameOfSite } = pending
    const found = answer.code === ResponseCode.NOERROR ? siteAnswer(parsed, message, answer) : undefined
    if (found !== undefined && !isEmptyAnswer(found)) {
      return this.#finish(pending, fitted(parsed, protocol, found), upstream)
    }
    const known = siteAnswered(nameOfSite)
    this.#finish(pending, known?.message ?? answerTo(parsed, { code: ResponseCode.NOERROR }), upstream, known?.by)
  }

  /** Answers a query that no server answered: with the site's answer, an upstream's error response, or SERVFAIL. */
  #giveUp(pending: PendingQuery<Query>): void {
    const known = siteAnswered(pending.nameOfSite)
    const message = known?.message ?? pending.refusal ?? answerTo(pending.parsed, { code: ResponseCode.SERVFAIL })
    this.#finish(pending, message, pending.refusedBy, known?.by)
  }

  #finish(
    pending: PendingQuery<Query>,
    message: Uint8Array,
    upstream: Upstream | undefined,
    by: AnsweredBy = { type: 'upstream', upstream },
  ): void {
    for (const ask of pending.asks) {
      this.#asks.delete(ask)
      this.#outputs.push({ type: 'cancelAsk', ask })
    }
    this.#pending.delete(pending)
    this.#outputs.push({ type: 'answer', query: pending.query, message, by })
  }

  #markDead(known: KnownUpstream, now: Instant): void {
    known.deadUntil = after(now, ASK_LAST_FOR_MS)
  }
}

const NOBODY: AnsweredBy = { type: 'upstream', upstream: undefined }

const siteAnswered = (name: NameOfSite | undefined): { message: Uint8Array; by: AnsweredBy } | undefined =>
  name?.siteAnswer && { message: name.siteAnswer, by: { type: 'site', resourceIds: name.resourceIds } }

const MOVE_ON_AFTER_MS = 1 * SECOND
const GIVE_UP_AFTER_MS = 5 * SECOND
const MAX_QUERIES_IN_FLIGHT = 1_000

interface KnownUpstream extends ForNames {
  upstream: Upstream
  /** Time until which the server is asked last. */
  deadUntil: Instant | undefined
}

const alive = (upstream: Upstream): KnownUpstream => ({ upstream, match: upstream.match, deadUntil: undefined })

interface PendingQuery<Query> {
  query: Query
  parsed: DnsQuery
  message: Uint8Array
  protocol: 'udp' | 'tcp'
  /** Servers that may be asked, in order; `next` is the index of the next one. */
  candidates: KnownUpstream[]
  /** Servers to ask once there are no candidates any more, in groups. */
  later: KnownUpstream[][]
  next: number
  asks: Set<number>
  lookAt: Instant
  endsAt: Instant
  /** First error response of a server, sent if no other server has an answer. */
  refusal: Uint8Array | undefined
  refusedBy: Upstream | undefined
  nameOfSite: NameOfSite | undefined
}

interface Ask<Query> {
  pending: PendingQuery<Query>
  known: KnownUpstream
  since: Instant
}

const isMappedAddress = ({ type, data }: { type: number; data: Uint8Array }, ranges: AddressRanges): boolean => {
  if (type === RecordType.A || type === RecordType.AAAA) return leadsToMapped(data, ranges)
  if (type !== RecordType.HTTPS && type !== RecordType.SVCB) return false
  // Malformed data may hold a hint that an application would read.
  return hintedAddresses(data)?.some((address) => leadsToMapped(address, ranges)) ?? true
}
