import type { UpstreamVerdict } from '../contract/upstream-resolver.ts'
import { embeddedIpv4 } from '../net/embedded-ipv4.ts'
import { canonicalAddress, formatAddress } from '../net/ip-address.ts'
import { whyNeverAServer } from '../net/never-a-server.ts'
import { Counters } from '../runtime/counters.ts'
import type { Family } from '../runtime/endpoint.ts'
import type { Deadline, Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { Random } from '../runtime/random.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { answeredData } from './answered-data.ts'
import { CLASS_IN, parseAnswer, RecordType, ResponseCode, writeQuery } from './message.ts'
import { normalizeName } from './pattern.ts'

export type SiteResolverInput =
  /** `lookup` is the asker's name for it, given back in `resolved`. */
  | { type: 'lookupRequested'; lookup: number; domain: string }
  | { type: 'systemAnswered'; ask: number; verdict: UpstreamVerdict }
  /** This machine's own addresses, to which no name may lead; none where the operator lets names do so. */
  | { type: 'ownAddressesChanged'; addresses: readonly string[] }

export type SiteResolverOutput =
  /** Have the gateway's own resolver asked, over UDP; `ask` names it for `systemAnswered` and `cancelAsk`. */
  | { type: 'askSystem'; ask: number; name: string; recordType: 'A' | 'AAAA'; message: Uint8Array }
  | { type: 'cancelAsk'; ask: number }
  /**
   * Sorted, canonical text. A family without records is empty; `failed` says that neither family got an answer, `unanswered` which one
   * did not where the other did.
   */
  | {
      type: 'resolved'
      lookup: number
      ipv4: readonly string[]
      ipv6: readonly string[]
      failed: boolean
      unanswered?: Family
    }

/**
 * Resolves names of resources where they are: at the gateway, with its own resolver, both families at once and independently (D10).
 *
 * Answers hold for 30 s whatever their TTL says; a name is being asked for at most once at a time; after 10 s a family counts as failed. A family
 * that failed beside one that did not is asked for again with the next lookup.
 */
export class SiteResolver implements Machine<SiteResolverInput, SiteResolverOutput> {
  readonly #random: Random
  readonly #outputs = new OutputQueue<SiteResolverOutput>()
  readonly #counters = new Counters()
  /** Both oldest first, which is also who lapses first. */
  readonly #running = new Map<string, Resolution>()
  readonly #cache = new Map<string, CachedAddresses>()
  readonly #asks = new Map<number, { resolution: Resolution; question: Question }>()
  #lastAsk = 0
  #ownAddresses: ReadonlySet<string | undefined> = new Set()

  constructor({ random }: { random: Random }) {
    this.#random = random
  }

  handle(input: SiteResolverInput, now: Instant): void {
    switch (input.type) {
      case 'lookupRequested':
        return this.#onLookup(input.lookup, normalizeName(input.domain), now)
      case 'systemAnswered':
        return this.#onVerdict(input.ask, input.verdict, now)
      case 'ownAddressesChanged':
        this.#ownAddresses = new Set(input.addresses.map(canonicalAddress))
        // What is remembered was looked at with the addresses of before.
        return this.#cache.clear()
    }
  }

  wake(now: Instant): void {
    for (const resolution of this.#running.values()) {
      if (resolution.endsAt > now) return
      this.#counters.count('siteResolverTimedOut')
      for (const ask of resolution.asks) {
        this.#asks.delete(ask)
        this.#outputs.push({ type: 'cancelAsk', ask })
      }
      this.#finish(resolution, now)
    }
  }

  poll(): SiteResolverOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    for (const { endsAt } of this.#running.values())
      return { at: endsAt, reason: "the site's resolver has not answered" }
    return undefined
  }

  /** What failed or was refused, by reason, and how often. */
  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  #onLookup(lookup: number, name: string, now: Instant): void {
    const cached = this.#cache.get(name)
    if (cached !== undefined && cached.until > now) {
      const { ipv4, ipv6 } = cached
      this.#outputs.push({ type: 'resolved', lookup, ipv4, ipv6, failed: false })
      return
    }
    const running = this.#running.get(name)
    const isFull = running === undefined ? this.#running.size >= MAX_NAMES : running.lookups.length >= MAX_LOOKUPS
    const refusal = isFull ? 'tooManyLookups' : running === undefined ? this.#begin(lookup, name, now) : undefined
    if (refusal === undefined) {
      running?.lookups.push(lookup)
      return
    }
    this.#counters.count(refusal)
    this.#outputs.push({ type: 'resolved', lookup, ipv4: [], ipv6: [], failed: true })
  }

  /** Why it could not, undefined if it did. */
  #begin(lookup: number, name: string, now: Instant): string | undefined {
    const endsAt = after(now, GIVE_UP_AFTER)
    const resolution: Resolution = { name, lookups: [lookup], asks: new Set(), endsAt, found: {} }
    for (const recordType of ['A', 'AAAA'] as const) {
      const [high = 0, low = 0] = this.#random.bytes(2)
      const question = { id: (high << 8) | low, name, type: RecordType[recordType], recordClass: CLASS_IN }
      const message = writeQuery(question)
      if (message === undefined || name === '') return 'notAName'
      const ask = ++this.#lastAsk
      this.#asks.set(ask, { resolution, question })
      resolution.asks.add(ask)
      this.#outputs.push({ type: 'askSystem', ask, name, recordType, message })
    }
    this.#running.set(name, resolution)
    return undefined
  }

  #onVerdict(id: number, verdict: UpstreamVerdict, now: Instant): void {
    const ask = this.#asks.get(id)
    if (ask === undefined) return
    this.#asks.delete(id)
    const { resolution, question } = ask
    resolution.asks.delete(id)
    const addresses = this.#addresses(verdict, question)
    if (addresses !== undefined) resolution.found[question.type === RecordType.A ? 'ipv4' : 'ipv6'] = addresses
    if (resolution.asks.size === 0) this.#finish(resolution, now)
  }

  /** What an answer says, undefined where there is none that counts. */
  #addresses(verdict: UpstreamVerdict, question: Question): string[] | undefined {
    if (verdict.type === 'failed') {
      this.#counters.count(`siteResolver_${verdict.code}`)
      return undefined
    }
    const read = parseAnswer(verdict.message, question)
    if (read.type === 'refused') {
      this.#counters.count(`siteAnswer_${read.reason}`)
      return undefined
    }
    const { code } = read.answer
    if (code !== ResponseCode.NOERROR && code !== ResponseCode.NXDOMAIN) {
      this.#counters.count('siteAnswer_error')
      return undefined
    }
    // askServer's last word where the whole answer cannot be had over TCP: what is missing is no proof that there is nothing.
    if (read.answer.truncated) {
      this.#counters.count('siteAnswer_truncated')
      return undefined
    }
    const texts = new Set<string>()
    for (const data of answeredData(verdict.message, read.answer, question)) {
      const refusal = this.#refusal(data, question)
      if (refusal !== undefined) this.#counters.count(`siteAnswer_${refusal}`)
      else if (texts.size < MAX_ADDRESSES) texts.add(formatAddress(data))
      else this.#counters.count('siteAnswer_tooManyAddresses')
    }
    return [...texts].sort()
  }

  /** Why a site's name server must not lead a client there: to the gateway itself, to what is only on its link, into the tunnel. */
  #refusal(data: Uint8Array, { type }: Question): string | undefined {
    if (data.length !== (type === RecordType.A ? 4 : 16)) return 'malformedAddress'
    if (whyNeverAServer(data) !== undefined) return 'refusedAddress'
    const meanings = [data, ...embeddedIpv4(data)]
    return meanings.some((one) => this.#ownAddresses.has(formatAddress(one))) ? 'ownAddress' : undefined
  }

  #finish({ name, lookups, found }: Resolution, now: Instant): void {
    this.#running.delete(name)
    const { ipv4, ipv6 } = found
    if (ipv4 !== undefined && ipv6 !== undefined) {
      this.#cache.delete(name)
      this.#cache.set(name, { ipv4, ipv6, until: after(now, CACHED_FOR) })
      for (const [oldest, { until }] of this.#cache) {
        if (until > now && this.#cache.size <= MAX_CACHED_NAMES) break
        this.#cache.delete(oldest)
      }
    }
    const failed = ipv4 === undefined && ipv6 === undefined
    const unanswered: Family | undefined = ipv4 === undefined ? 'ipv4' : ipv6 === undefined ? 'ipv6' : undefined
    const missing = failed || unanswered === undefined ? {} : { unanswered }
    for (const lookup of lookups) {
      this.#outputs.push({ type: 'resolved', lookup, ipv4: ipv4 ?? [], ipv6: ipv6 ?? [], failed, ...missing })
    }
  }
}

const CACHED_FOR = 30 * SECOND
const GIVE_UP_AFTER = 10 * SECOND
/** That are asked for at a time. */
const MAX_NAMES = 1_000
/** That wait for one name. */
const MAX_LOOKUPS = 1_000
const MAX_CACHED_NAMES = 10_000
/** Of one family. */
const MAX_ADDRESSES = 64

interface Question {
  id: number
  name: string
  type: number
  recordClass: number
}

interface Resolution {
  name: string
  lookups: number[]
  asks: Set<number>
  endsAt: Instant
  found: { ipv4?: string[]; ipv6?: string[] }
}

interface CachedAddresses {
  ipv4: readonly string[]
  ipv6: readonly string[]
  until: Instant
}
