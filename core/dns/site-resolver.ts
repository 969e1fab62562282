import type { ServerVerdict } from '../contract/upstream-resolver.ts'
import { embeddedIpv4 } from '../net/embedded-ipv4.ts'
import { canonicalAddress, formatAddress } from '../net/ip-address.ts'
import { whyNeverAServer } from '../net/never-a-server.ts'
import type { Prefix } from '../net/prefix.ts'
import { isInRange } from '../net/reserved-range.ts'
import { Counters } from '../runtime/counters.ts'
import type { Family } from '../runtime/endpoint.ts'
import { earliest, type Deadline, type Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { Random } from '../runtime/random.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { answeredData } from './answered-data.ts'
import { CLASS_IN, parseAnswer, RecordType, ResponseCode, writeQuery } from './message.ts'
import { normalizeName } from './pattern.ts'
import type { SiteFinding, SiteFindings } from './site-finding.ts'

/** Inputs of `SiteResolver`. */
export type SiteResolverInput =
  /** Resolve a name. `lookup` is a number of the caller's choice, repeated in `resolved`. */
  | { type: 'lookupRequested'; lookup: number; domain: string }
  | { type: 'systemAnswered'; ask: number; verdict: ServerVerdict }
  /** Addresses of this machine, to which no name may resolve; empty if the operator allows it. */
  | { type: 'ownAddressesChanged'; addresses: readonly string[] }
  /** Ranges of the account's tunnels, to which no name may resolve either. */
  | { type: 'rangesChanged'; ranges: readonly Prefix[] }

/** Outputs of `SiteResolver`: outcomes, and queries to send. */
export type SiteResolverOutput =
  /** Ask the gateway's own resolver over UDP. `ask` identifies the request in `systemAnswered` and `cancelAsk`. */
  | { type: 'askSystem'; ask: number; name: string; recordType: 'A' | 'AAAA'; message: Uint8Array }
  | { type: 'cancelAsk'; ask: number }
  /**
   * Outcome of a lookup. Addresses are sorted, in canonical text. `failed`: neither family got a usable answer;
   * `unanswered`: the family that has none (yet) while the other does; `found`: the finding for each family.
   */
  | {
      type: 'resolved'
      lookup: number
      ipv4: readonly string[]
      ipv6: readonly string[]
      failed: boolean
      unanswered?: Family
      found: SiteFindings
    }

/**
 * Resolves names of resources at their site, by the gateway's own resolver, both families in parallel (D10).
 *
 * Caches answers for 30 s whatever their TTL is. Asks for a name at most once at a time; a family without an answer
 * after 10 s counts as failed. If one family has addresses, lookups wait for the other only 50 ms (RFC 8305 §3), and
 * its query goes on in the background. As long as that family is not answered, each lookup returns the addresses of the
 * first and asks again.
 */
export class SiteResolver implements Machine<SiteResolverInput, SiteResolverOutput> {
  readonly #random: Random
  readonly #outputs = new OutputQueue<SiteResolverOutput>()
  readonly #counters = new Counters()
  /** Resolutions by name, oldest first. Like `#halfway` and `#cache` it is in the order of its deadlines. */
  readonly #running = new Map<string, Resolution>()
  /** Resolutions of which one family has addresses and the other has not been answered. */
  readonly #halfway = new Set<Resolution>()
  readonly #cache = new Map<string, CachedAddresses>()
  readonly #asks = new Map<number, { resolution: Resolution; question: Question }>()
  #lastAsk = 0
  #ownAddresses: ReadonlySet<string | undefined> = new Set()
  #ranges: readonly Prefix[] = []

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
        // Cached answers were checked against the old addresses.
        return this.#cache.clear()
      case 'rangesChanged':
        this.#ranges = input.ranges
        return this.#cache.clear()
    }
  }

  wake(now: Instant): void {
    for (const resolution of this.#halfway) {
      if (resolution.goesOnAt === undefined || resolution.goesOnAt > now) break
      this.#goOn(resolution, now)
    }
    for (const resolution of this.#running.values()) {
      if (resolution.endsAt > now) return
      this.#counters.count('site-resolver-timed-out')
      resolution.failures = { ipv4: 'no_answer', ipv6: 'no_answer', ...resolution.failures }
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
    const [halfway] = this.#halfway
    const [running] = this.#running.values()
    return earliest(
      halfway?.goesOnAt && { at: halfway.goesOnAt, reason: 'one family of a name has not been answered' },
      running && { at: running.endsAt, reason: "the site's resolver has not answered" },
    )
  }

  /** Returns the number of failed and refused lookups and answers, by reason. */
  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  #onLookup(lookup: number, name: string, now: Instant): void {
    const cached = this.#cache.get(name)
    const known = cached !== undefined && cached.until > now ? cached.found : undefined
    if (known !== undefined) {
      this.#tell(known, [lookup], cached?.failures)
      if (known.ipv4 !== undefined && known.ipv6 !== undefined) return
    }
    const lookups = known === undefined ? [lookup] : []
    const running = this.#running.get(name)
    const isFull = running === undefined ? this.#running.size >= MAX_NAMES : running.lookups.length >= MAX_LOOKUPS
    const refusal = isFull ? 'too-many-lookups' : running === undefined ? this.#begin(lookups, name, now) : undefined
    if (refusal === undefined) {
      running?.lookups.push(...lookups)
      return
    }
    this.#counters.count(refusal)
    this.#tell({}, lookups)
  }

  /** Starts to resolve a name. Returns why it cannot; undefined if it started. */
  #begin(lookups: number[], name: string, now: Instant): string | undefined {
    const endsAt = after(now, GIVE_UP_AFTER_MS)
    const resolution: Resolution = { name, lookups, asks: new Set(), goesOnAt: undefined, endsAt, found: {} }
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

  #onVerdict(id: number, verdict: ServerVerdict, now: Instant): void {
    const ask = this.#asks.get(id)
    if (ask === undefined) return
    this.#asks.delete(id)
    const { resolution, question } = ask
    resolution.asks.delete(id)
    const outcome = this.#outcome(verdict, question)
    const family = question.type === RecordType.A ? 'ipv4' : 'ipv6'
    if (typeof outcome === 'string') resolution.failures = { ...resolution.failures, [family]: outcome }
    else resolution.found[family] = outcome
    if (resolution.asks.size === 0) return this.#finish(resolution, now)
    if (typeof outcome === 'string' || outcome.addresses.length === 0) return
    resolution.goesOnAt = after(now, RESOLUTION_DELAY_MS)
    this.#halfway.add(resolution)
  }

  /** Evaluates the answer for one family: returns its addresses (maybe none), or the finding if it failed. */
  #outcome(verdict: ServerVerdict, question: Question): FamilyFound | SiteFinding {
    if (verdict.type === 'failed') {
      this.#counters.count(`site-resolver-${verdict.code}`)
      return verdict.code === 'malformed' ? 'bad_answer' : 'no_answer'
    }
    const read = parseAnswer(verdict.message, question)
    if (read.type === 'refused') {
      this.#counters.count(`site-answer-${read.reason}`)
      return 'bad_answer'
    }
    const { code } = read.answer
    if (code !== ResponseCode.NOERROR && code !== ResponseCode.NXDOMAIN) {
      this.#counters.count('site-answer-error')
      return code === ResponseCode.SERVFAIL ? 'servfail' : code === ResponseCode.REFUSED ? 'refused' : 'bad_answer'
    }
    // `askServer` returns a truncated answer only if TCP failed: records may be missing, so it does not prove that
    // there are none.
    if (read.answer.truncated) {
      this.#counters.count('site-answer-truncated')
      return 'bad_answer'
    }
    const texts = new Set<string>()
    let finding: SiteFinding = code === ResponseCode.NXDOMAIN ? 'no_such_name' : 'no_record'
    for (const data of answeredData(verdict.message, read.answer, question)) {
      const refusal = this.#refusal(data, question)
      if (refusal !== undefined) {
        this.#counters.count(`site-answer-${refusal}`)
        finding = 'refused_address'
      } else if (texts.size < MAX_ADDRESSES) texts.add(formatAddress(data))
      else this.#counters.count('site-answer-too-many-addresses')
    }
    return { addresses: [...texts].sort(), finding: texts.size > 0 ? 'found' : finding }
  }

  /**
   * Returns why an address must not be reached by a name: it can never be a server's, or it is the gateway's own;
   * undefined if it may.
   */
  #refusal(data: Uint8Array, { type }: Question): string | undefined {
    if (data.length !== (type === RecordType.A ? 4 : 16)) return 'malformed-address'
    if (whyNeverAServer(data) !== undefined) return 'refused-address'
    const meanings = [data, ...embeddedIpv4(data)]
    if (meanings.some((one) => isInRange(this.#ranges, one))) return 'refused-address'
    return meanings.some((one) => this.#ownAddresses.has(formatAddress(one))) ? 'own-address' : undefined
  }

  /** Answers the lookups with the family that has addresses; the query for the other goes on. */
  #goOn(resolution: Resolution, now: Instant): void {
    this.#halfway.delete(resolution)
    this.#counters.count('site-resolver-went-on')
    this.#remember(resolution, now)
    this.#tell(resolution.found, resolution.lookups.splice(0))
  }

  #finish(resolution: Resolution, now: Instant): void {
    const { name, lookups, found, failures } = resolution
    this.#running.delete(name)
    this.#halfway.delete(resolution)
    const isWhole = found.ipv4 !== undefined && found.ipv6 !== undefined
    if (isWhole || found.ipv4?.finding === 'found' || found.ipv6?.finding === 'found') this.#remember(resolution, now)
    this.#tell(found, lookups, failures)
  }

  #remember({ name, found, failures }: Resolution, now: Instant): void {
    this.#cache.delete(name)
    this.#cache.set(name, { found: { ...found }, failures, until: after(now, CACHED_FOR_MS) })
    for (const [oldest, { until }] of this.#cache) {
      if (until > now && this.#cache.size <= MAX_CACHED_NAMES) break
      this.#cache.delete(oldest)
    }
  }

  #tell({ ipv4, ipv6 }: FamiliesFound, lookups: readonly number[], failures: Failures = {}): void {
    const failed = ipv4 === undefined && ipv6 === undefined
    const unanswered: Family | undefined = ipv4 === undefined ? 'ipv4' : ipv6 === undefined ? 'ipv6' : undefined
    const missing = failed || unanswered === undefined ? {} : { unanswered }
    const silence = failed ? 'no_answer' : 'pending'
    const found = {
      ipv4: ipv4?.finding ?? failures.ipv4 ?? silence,
      ipv6: ipv6?.finding ?? failures.ipv6 ?? silence,
    } as const
    const addresses = { ipv4: ipv4?.addresses ?? [], ipv6: ipv6?.addresses ?? [] }
    for (const lookup of lookups)
      this.#outputs.push({ type: 'resolved', lookup, ...addresses, failed, ...missing, found })
  }
}

const CACHED_FOR_MS = 30 * SECOND
const GIVE_UP_AFTER_MS = 10 * SECOND
/** Milliseconds for which lookups that have one family wait for the other (RFC 8305 §3). */
const RESOLUTION_DELAY_MS = 50
/** Most names that are being resolved at a time. */
const MAX_NAMES = 1_000
/** Most lookups that wait for one name. */
const MAX_LOOKUPS = 1_000
const MAX_CACHED_NAMES = 10_000
/** Most addresses of one family. */
const MAX_ADDRESSES = 64

interface Question {
  id: number
  name: string
  type: number
  recordClass: number
}

interface FamilyFound {
  addresses: readonly string[]
  finding: SiteFinding
}

interface FamiliesFound {
  ipv4?: FamilyFound
  ipv6?: FamilyFound
}

type Failures = Partial<SiteFindings>

interface Resolution {
  name: string
  lookups: number[]
  asks: Set<number>
  /** Time at which lookups stop waiting for the second family; undefined until one family has addresses. */
  goesOnAt: Instant | undefined
  endsAt: Instant
  found: FamiliesFound
  failures?: Failures
}

interface CachedAddresses {
  found: FamiliesFound
  failures: Failures | undefined
  until: Instant
}
