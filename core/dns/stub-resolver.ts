import type { ServerVerdict, UpstreamVerdict } from '../contract/upstream-resolver.ts'
import { DEFAULT_RANGES, type AddressRanges } from '../net/address-ranges.ts'
import { Counters } from '../runtime/counters.ts'
import { earliest, type Deadline, type Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { HeldNames, type HeldQueries, type NextSite } from './held-names.ts'
import { KnownAtSites } from './known-at-sites.ts'
import type { KeptAddresses } from './kept-names.ts'
import { addressBytes, isMapped } from './mapped-addresses.ts'
import { MappedNames, type MappingOutput } from './mapped-names.ts'
import { answerTo, CLASS_IN, ExtendedError, parseQuery, RecordType, ResponseCode, type DnsQuery } from './message.ts'
import { recordKind } from './record-kind.ts'
import { isOneName, ResourceNames, type NamedResource } from './resource-names.ts'
import { reverseAddress } from './reverse-address.ts'
import { labelsBeforeSearch } from './search-list.ts'
import { Sentinels } from './sentinels.ts'
import { siteSaid, type SiteFindings } from './site-finding.ts'
import { SiteQueries, type SiteQueriesInput, type SiteQueriesOutput } from './site-queries.ts'
import { UpstreamQueries, type AnsweredBy, type Upstream, type UpstreamQueriesOutput } from './upstream-queries.ts'
import { writeName } from './wire-name.ts'

/** Inputs of `StubResolver`. */
export type StubResolverInput<Query> =
  /** Names of an earlier run with the numbers of their addresses, before any query; `taken` are other people's numbers. */
  | ({ type: 'namesKept'; taken: readonly number[] } & KeptAddresses)
  /** Ranges of the account's tunnels, where they are not the usual ones, or were not. */
  | { type: 'rangesChanged'; ranges: AddressRanges }
  /** All DNS resources of this client. */
  | { type: 'resourcesChanged'; resources: readonly NamedResource[] }
  /**
   * Upstream servers for names that belong to no resource, in order of preference: the account's, or else the system's.
   * Required once at start, even if there are none. `bypassing` are the servers for `bypassingNames`.
   */
  | { type: 'upstreamsChanged'; upstreams: readonly Upstream[]; bypassing?: readonly Upstream[] }
  /** A query of an application. `query` identifies the asker in `answer`; `sentinel` is the address that was asked. */
  | { type: 'queryReceived'; query: Query; sentinel: string; message: Uint8Array; protocol: 'udp' | 'tcp' }
  | { type: 'upstreamAnswered'; ask: number; verdict: UpstreamVerdict }
  | { type: 'siteAnswered'; ask: number; verdict: ServerVerdict }
  /** A mapped name has had packets since `watchNames`. */
  | { type: 'nameUsed'; domain: string }
  /** Findings of the site for a mapped name; undefined if an earlier problem is over. */
  | { type: 'nameResolved'; resourceId: string; domain: string; found: SiteFindings | undefined }
  /** Domains (normalized) that applications append to names that are not found, or have few labels. resolv.conf(5), `search` */
  | { type: 'searchDomainsChanged'; domains: readonly string[] }
  /** Access to a resource was denied, or no gateway of it is reached: its site cannot be asked. */
  | { type: 'siteNotReached'; resourceId: string }

/** Outputs of `StubResolver`: answers, and requests to carry out. */
export type StubResolverOutput<Query> =
  | UpstreamQueriesOutput<Query>
  | Exclude<SiteQueriesOutput<Query>, { type: 'askElsewhere' }>
  | MappingOutput
  /** Have the site of a resource say, by `nameResolved`, whether it has this mapped name. Requires access to the resource. */
  | { type: 'awaitName'; domain: string; resourceId: string }
  /** Addresses at which applications reach this resolver: configure them as the system's name servers. Never empty. */
  | { type: 'sentinelsChanged'; addresses: readonly string[] }

/**
 * DNS resolver of the client. Answers address queries for names of resources itself, with mapped addresses; such a
 * query never leaves the machine. Queries of other types for these names go to the resource's site and, if it has no
 * such record, to an upstream server (except SRV and TXT). Queries for all other names go to the upstream servers,
 * beginning with the one whose sentinel was asked.
 *
 * A name below a wildcard that a search list may have made (`www.example.com.example.org`) is answered once its site has
 * said whether it has it, so that no name of the Internet is taken for a resource's (D13).
 */
export class StubResolver<Query> implements Machine<StubResolverInput<Query>, StubResolverOutput<Query>> {
  readonly #outputs = new OutputQueue<StubResolverOutput<Query>>()
  readonly #counters = new Counters()
  readonly #mapped: MappedNames
  readonly #upstreamQueries = new UpstreamQueries<Query>()
  readonly #siteQueries = new SiteQueries<Query>()
  readonly #sentinels = new Sentinels()
  readonly #bypassingNames: ReadonlySet<string>
  #bypassing: readonly Upstream[] = []
  #sentinelAddresses: readonly string[] = []
  #upstreams: readonly Upstream[] | undefined
  #resources = new ResourceNames([])
  readonly #atSites = new KnownAtSites()
  readonly #held = new HeldNames<HeldQuery<Query>>({ holdMs: HOLD_MS })
  /** Time until which a resource's site is not waited for. */
  readonly #notReachedUntil = new Map<string, Instant>()
  #searchDomains: readonly string[] = []
  #ranges: AddressRanges = DEFAULT_RANGES

  /**
   * `bypassingNames` (normalized) never belong to a resource and have their own upstream servers. The portal's name is
   * one: it must resolve without a tunnel, because tunnels need the portal (T8).
   */
  constructor(options: { maxNames?: number; bypassingNames?: Iterable<string> } = {}) {
    this.#bypassingNames = new Set(options.bypassingNames)
    this.#mapped = new MappedNames({ capacity: options.maxNames, tell: (output) => this.#outputs.push(output) })
  }

  handle(input: StubResolverInput<Query>, now: Instant): void {
    switch (input.type) {
      case 'namesKept':
        this.#mapped.restore(input, now)
        return this.#mapped.resourcesChanged((name) => this.#resources.match(name))
      case 'rangesChanged':
        return this.#onRanges(input.ranges, now)
      case 'resourcesChanged':
        return this.#onResources(input.resources)
      case 'upstreamsChanged':
        this.#bypassing = input.bypassing ?? []
        return this.#onUpstreams(input.upstreams, now)
      case 'queryReceived':
        return this.#onQuery(input, now)
      case 'upstreamAnswered':
        return this.#upstreamQueries.handle(input, now)
      case 'siteAnswered':
        return this.#tellSite(input, now)
      case 'nameUsed':
        return this.#mapped.used(input.domain, now)
      case 'nameResolved':
        return this.#onFindings(input, now)
      case 'searchDomainsChanged':
        this.#searchDomains = input.domains
        return
      case 'siteNotReached':
        this.#notReachedUntil.set(input.resourceId, after(now, NOT_REACHED_FOR_MS))
        for (const name of this.#held.waitingFor(input.resourceId)) {
          this.#onHeld(this.#held.hear(name, input.resourceId, 'unknown'), now)
        }
    }
  }

  wake(now: Instant): void {
    this.#upstreamQueries.wake(now)
    this.#siteQueries.wake(now)
    this.#passOnSite(now)
    for (const held of this.#held.takeDue(now)) this.#onHeld(held, now)
  }

  poll(): StubResolverOutput<Query> | undefined {
    return this.#outputs.poll() ?? this.#upstreamQueries.poll()
  }

  deadline(): Deadline | undefined {
    const { nextAt } = this.#held
    const held = nextAt && { at: nextAt, reason: 'a site has not said whether it has a name' }
    return earliest(this.#upstreamQueries.deadline(), this.#siteQueries.deadline(), held)
  }

  /** Whether a normalized name belongs to a resource. */
  isResource(name: string): boolean {
    return this.#ownersOf(name).length > 0
  }

  /** Number of changes of `keptAddresses`. */
  get keptChanges(): number {
    return this.#mapped.changes
  }

  /** Names with the numbers of their mapped addresses, for the next run. */
  get keptAddresses(): KeptAddresses {
    return this.#mapped.kept
  }

  /** Returns the number of refused, failed and dropped queries, by reason. */
  counters(): Readonly<Record<string, number>> {
    return { ...this.#counters.snapshot(), ...this.#upstreamQueries.counters(), ...this.#siteQueries.counters() }
  }

  #onFindings({ resourceId, domain, found }: StubResolverInput<Query> & { type: 'nameResolved' }, now: Instant): void {
    const said = siteSaid(found)
    this.#notReachedUntil.delete(resourceId)
    if (said !== 'present' || this.#mapped.ownersOf(domain) !== undefined)
      this.#atSites.hear({ resourceId, name: domain, said }, now)
    this.#onHeld(this.#held.hear(domain, resourceId, said), now)
  }

  /**
   * Holds a query whose name may have been made by a search list, until its site has said whether it has it. Returns
   * false for other queries, and if the site is known to have the name or to lack it.
   */
  #holds(query: HeldQuery<Query>, owners: readonly NamedResource[], now: Instant): boolean {
    const { parsed } = query
    const { name } = parsed
    if (owners.length === 0 || parsed.recordClass !== CLASS_IN || recordKind(parsed.type) === 'meta') return false
    if (this.#atSites.isPresent(name) || this.#atSites.isMissing(name, owners, now)) return false
    if (owners.some(isOneName)) return false
    if (labelsBeforeSearch(name, this.#searchDomains) === 0 || this.#map(name, owners, now) === undefined) return false
    const reached = owners.filter(({ id }) => (this.#notReachedUntil.get(id) ?? now) <= now).map(({ id }) => id)
    const next = this.#held.hold(name, query, reached, now)
    if (next === 'full') {
      for (const { id } of owners.slice(0, 1)) this.#outputs.push({ type: 'awaitName', domain: name, resourceId: id })
      this.#answerHeld(query, { isSettled: false }, now)
    } else if (next !== undefined) this.#onHeld(next, now)
    return true
  }

  #onHeld(held: HeldQueries<HeldQuery<Query>> | NextSite | undefined, now: Instant): void {
    if (held === undefined) return
    if ('resourceId' in held) {
      this.#outputs.push({ type: 'awaitName', domain: held.name, resourceId: held.resourceId })
      return
    }
    for (const query of held.queries) this.#answerHeld(query, held, now)
  }

  /**
   * Answers a query that was held. Where nobody knows whether there is the name, one of a single label before the search
   * domain is taken for a resource's, and a longer one is not: it may be a name of the Internet.
   */
  #answerHeld({ query, parsed }: HeldQuery<Query>, { isSettled }: { isSettled: boolean }, now: Instant): void {
    const owners = this.#ownersOf(parsed.name)
    const resourceIds = owners.map(({ id }) => id)
    const isUnsure = !isSettled && labelsBeforeSearch(parsed.name, this.#searchDomains) > 1
    if (isUnsure || owners.length === 0) {
      this.#counters.count('site-not-heard')
      const extendedError = ExtendedError.NO_REACHABLE_AUTHORITY
      const message = answerTo(parsed, { code: ResponseCode.SERVFAIL, extendedError })
      this.#outputs.push({ type: 'answer', query, message, by: { type: 'site', resourceIds } })
      return
    }
    const message = this.#resourceAnswer(parsed, owners, now)
    this.#outputs.push({ type: 'answer', query, message, by: { type: 'resource', domain: parsed.name, resourceIds } })
  }

  #onRanges(ranges: AddressRanges, now: Instant): void {
    this.#ranges = ranges
    this.#mapped.moveTo(ranges)
    this.#upstreamQueries.handle({ type: 'rangesChanged', ranges }, now)
    if (this.#upstreams !== undefined) this.#assignSentinels(this.#upstreams)
  }

  #onResources(resources: readonly NamedResource[]): void {
    this.#resources = new ResourceNames(resources)
    for (const _ of this.#resources.invalid) this.#counters.count('invalid-pattern')
    this.#mapped.resourcesChanged((name) => this.#resources.match(name))
  }

  #onUpstreams(upstreams: readonly Upstream[], now: Instant): void {
    const kept = upstreams.slice(0, MAX_UPSTREAMS)
    if (this.#upstreams !== undefined && JSON.stringify(kept) === JSON.stringify(this.#upstreams)) return
    this.#upstreams = kept
    this.#upstreamQueries.handle({ type: 'upstreamsChanged', upstreams: kept }, now)
    this.#assignSentinels(kept)
  }

  #assignSentinels(upstreams: readonly Upstream[]): void {
    const families = upstreams.map(({ server }) => ({ isIpv6: server?.startsWith('[') ?? false }))
    this.#sentinelAddresses = this.#sentinels.assign(families, this.#ranges)
    this.#outputs.push({ type: 'sentinelsChanged', addresses: this.#sentinelAddresses })
  }

  #onQuery(input: StubResolverInput<Query> & { type: 'queryReceived' }, now: Instant): void {
    const verdict = parseQuery(input.message)
    if (verdict.type === 'refused') {
      this.#counters.count(verdict.reason)
      if (verdict.answer !== undefined) {
        this.#outputs.push({ type: 'answer', query: input.query, message: verdict.answer, by: { type: 'resolver' } })
      }
      return
    }
    const parsed = verdict.query
    const { query, protocol } = input
    const owners = this.#ownersOf(parsed.name)
    const atSentinel = Math.max(0, this.#sentinelAddresses.indexOf(input.sentinel))
    if (owners.length > 0 && parsed.recordClass === CLASS_IN && recordKind(parsed.type) === 'data') {
      const resourceIds = owners.map(({ id }) => id)
      const { message } = input
      const asked = { query, parsed, message, protocol, resourceIds, first: atSentinel }
      return this.#tellSite({ type: 'queryReceived', ...asked }, now)
    }
    if (this.#holds({ query, parsed }, owners, now)) return
    const message = this.#ownAnswer(parsed, owners, now)
    if (message !== undefined) {
      const resourceIds = owners.map(({ id }) => id)
      const by: AnsweredBy =
        owners.length > 0 ? { type: 'resource', domain: parsed.name, resourceIds } : { type: 'resolver' }
      this.#outputs.push({ type: 'answer', query, message, by })
      return
    }
    const bypassing = this.#bypassingNames.has(parsed.name) && this.#bypassing.length > 0 ? this.#bypassing : undefined
    const first = bypassing === undefined ? atSentinel : 0
    const asked = { query, parsed, message: input.message, protocol, first, upstreams: bypassing }
    this.#upstreamQueries.handle({ type: 'queryReceived', ...asked }, now)
  }

  #tellSite(input: SiteQueriesInput<Query>, now: Instant): void {
    this.#siteQueries.handle(input, now)
    this.#passOnSite(now)
  }

  #passOnSite(now: Instant): void {
    for (let output = this.#siteQueries.poll(); output !== undefined; output = this.#siteQueries.poll()) {
      if (output.type !== 'askElsewhere') {
        this.#outputs.push(output)
        continue
      }
      const { resourceIds, siteAnswer, ...query } = output
      const asked = { ...query, upstreams: undefined, nameOfSite: { resourceIds, siteAnswer } }
      this.#upstreamQueries.handle({ ...asked, type: 'queryReceived' }, now)
    }
  }

  #ownersOf(name: string): readonly NamedResource[] {
    if (this.#bypassingNames.has(name)) return []
    return this.#mapped.ownersOf(name) ?? this.#resources.match(name)
  }

  /** Answers a query that must not be sent to an upstream server; undefined if it may be. */
  #ownAnswer(query: DnsQuery, owners: readonly NamedResource[], now: Instant): Uint8Array | undefined {
    if (query.name === CANARY) return answerTo(query, { code: ResponseCode.NXDOMAIN })
    if (owners.length > 0) return this.#resourceAnswer(query, owners, now)
    const address = reverseAddress(query.name)
    if (address === undefined || !isMapped(address, this.#ranges)) return undefined
    const name = this.#mapped.nameOf(address)
    const target = name === undefined ? undefined : writeName(name)
    if (target === undefined) return answerTo(query, { code: ResponseCode.NXDOMAIN })
    if (query.type !== RecordType.PTR || query.recordClass !== CLASS_IN) return empty(query)
    return answerTo(query, {
      code: ResponseCode.NOERROR,
      records: { type: RecordType.PTR, ttlSeconds: TTL_SECONDS, data: [target] },
    })
  }

  #resourceAnswer(query: DnsQuery, owners: readonly NamedResource[], now: Instant): Uint8Array {
    if (query.recordClass !== CLASS_IN) return answerTo(query, { code: ResponseCode.REFUSED })
    const kind = recordKind(query.type)
    if (kind !== 'meta' && this.#atSites.isMissing(query.name, owners, now)) {
      return answerTo(query, { code: ResponseCode.NXDOMAIN })
    }
    switch (kind) {
      case 'address':
        return this.#addressAnswer({ query, owners, family: query.type === RecordType.A ? 'ipv4' : 'ipv6' }, now)
      case 'any':
        return this.#addressAnswer({ query, owners, family: owners[0]?.ipStack === 'ipv6_only' ? 'ipv6' : 'ipv4' }, now)
      case 'meta':
        return answerTo(query, { code: ResponseCode.REFUSED })
      case 'hint':
      case 'data':
        // An address hint, as in an HTTPS record (65), would lead applications past the tunnel.
        return empty(query)
    }
  }

  #addressAnswer(
    { query, owners, family }: { query: DnsQuery; owners: readonly NamedResource[]; family: 'ipv4' | 'ipv6' },
    now: Instant,
  ): Uint8Array {
    const other = family === 'ipv4' ? 'ipv6_only' : 'ipv4_only'
    // The most specific resource alone decides on the families, even if another one permits the port (D3, D5).
    if (owners[0]?.ipStack === other) return empty(query)
    const number = this.#map(query.name, owners, now)
    if (number === undefined) {
      this.#counters.count('mapped-addresses-exhausted')
      return answerTo(query, { code: ResponseCode.SERVFAIL })
    }
    return answerTo(query, {
      code: ResponseCode.NOERROR,
      records: {
        type: family === 'ipv4' ? RecordType.A : RecordType.AAAA,
        ttlSeconds: TTL_SECONDS,
        data: addressBytes(number, family, this.#ranges),
      },
    })
  }

  /** Returns the number of a name's mapped addresses, assigned if it has none; undefined if all are taken. */
  #map(name: string, owners: readonly NamedResource[], now: Instant): number | undefined {
    const { number, forgotten } = this.#mapped.map(name, owners, now)
    if (forgotten !== undefined) {
      this.#counters.count('mapped-name-forgotten')
      this.#atSites.forget(forgotten)
    }
    return number
  }
}

/** TTL of answers with mapped addresses. Short, so that applications ask again soon after a mapping changes. */
const TTL_SECONDS = 1

/** Time for which a query waits for the site: less than the 5 s after which applications ask again. */
const HOLD_MS = 3 * SECOND
/** Time for which queries do not wait for a site that could not be asked. */
const NOT_REACHED_FOR_MS = 10 * SECOND

/** Most upstream servers that are used, more than sensible configurations have; each takes a sentinel. */
const MAX_UPSTREAMS = 16

/** Firefox's canary domain: NXDOMAIN keeps it from using DNS over HTTPS instead of the system's resolver. */
const CANARY = 'use-application-dns.net'

interface HeldQuery<Query> {
  query: Query
  parsed: DnsQuery
}

const empty = (query: DnsQuery): Uint8Array => answerTo(query, { code: ResponseCode.NOERROR })
