import type { UpstreamVerdict } from '../contract/upstream-resolver.ts'
import { Counters } from '../runtime/counters.ts'
import { earliest, type Deadline, type Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { addressBytes, addressText, isMapped, MappedAddresses } from './mapped-addresses.ts'
import { answerTo, CLASS_IN, parseQuery, RecordType, ResponseCode, type DnsQuery } from './message.ts'
import { recordKind } from './record-kind.ts'
import { isOneName, ResourceNames, type NamedResource } from './resource-names.ts'
import { reverseAddress } from './reverse-address.ts'
import { Sentinels } from './sentinels.ts'
import type { SiteFindings } from './site-finding.ts'
import { SiteQueries, type SiteQueriesInput, type SiteQueriesOutput } from './site-queries.ts'
import { UpstreamQueries, type AnsweredBy, type Upstream, type UpstreamQueriesOutput } from './upstream-queries.ts'
import { writeName } from './wire-name.ts'

export type StubResolverInput<Query> =
  /** All DNS resources that this client is told of; what is not listed is gone. */
  | { type: 'resourcesChanged'; resources: readonly NamedResource[] }
  /**
   * The servers for all other names, in order: those that the account sets, or else the system's. Also the first time, with none. And those for
   * bypassing names, if there are any.
   */
  | { type: 'upstreamsChanged'; upstreams: readonly Upstream[]; bypassing?: readonly Upstream[] }
  /** `query` is whatever tells the host whom to answer; `sentinel` the address that was asked. */
  | { type: 'queryReceived'; query: Query; sentinel: string; message: Uint8Array; protocol: 'udp' | 'tcp' }
  | { type: 'upstreamAnswered'; ask: number; verdict: UpstreamVerdict }
  | { type: 'siteAnswered'; ask: number; verdict: UpstreamVerdict }
  /** A name that has addresses had packets since `watchNames`. */
  | { type: 'nameUsed'; domain: string }
  /** The site has trouble with a name that has addresses, or has none any more (absent). */
  | { type: 'nameResolved'; resourceId: string; domain: string; found: SiteFindings | undefined }

export type StubResolverOutput<Query> =
  | UpstreamQueriesOutput<Query>
  | Exclude<SiteQueriesOutput<Query>, { type: 'askElsewhere' }>
  /** These addresses stand for a name from now on, and it belongs to these resources, most specific first; to none when it lost its last. */
  | { type: 'mapName'; domain: string; addresses: readonly string[]; resourceIds: readonly string[] }
  /** An application asked for a mapped name again. */
  | { type: 'refreshName'; domain: string }
  /** Its addresses stand for nothing any more: they were not used for long, and there is no room. */
  | { type: 'forgetName'; domain: string }
  /** Have it reported from now on, once for each, which names have packets. */
  | { type: 'watchNames' }
  /** Where applications find this resolver from now on. Never empty. */
  | { type: 'sentinelsChanged'; addresses: readonly string[] }

/**
 * The client's resolver. Names of resources it answers itself, at once and with mapped addresses: no query for one ever leaves the
 * machine for its addresses. All other names go to an upstream, first to the one of the sentinel that was asked.
 * Records of other types of a resource's name are asked for at the site, and where the site has none, of an upstream: SRV and TXT at the site only.
 */
export class StubResolver<Query> implements Machine<StubResolverInput<Query>, StubResolverOutput<Query>> {
  readonly #outputs = new OutputQueue<StubResolverOutput<Query>>()
  readonly #counters = new Counters()
  readonly #mapped: MappedAddresses
  readonly #upstreamQueries = new UpstreamQueries<Query>()
  readonly #siteQueries = new SiteQueries<Query>()
  readonly #sentinels = new Sentinels()
  readonly #bypassingNames: ReadonlySet<string>
  #bypassing: readonly Upstream[] = []
  #sentinelAddresses: readonly string[] = []
  #upstreams: readonly Upstream[] | undefined
  #resources = new ResourceNames([])
  /** Until when a site is known not to have a name, by resource and name, the first to lapse first. */
  readonly #missingUntil = new Map<string, Instant>()
  /** What each mapped name was last said to belong to. */
  readonly #owners = new Map<string, readonly NamedResource[]>()

  /**
   * `bypassingNames`, normalized, are never a resource's and have servers of their own: the portal's name, which must be found without the tunnel
   * that only the portal can open (T8).
   */
  constructor(options: { maxNames?: number; bypassingNames?: Iterable<string> } = {}) {
    this.#bypassingNames = new Set(options.bypassingNames)
    this.#mapped = new MappedAddresses(options.maxNames === undefined ? {} : { capacity: options.maxNames })
  }

  handle(input: StubResolverInput<Query>, now: Instant): void {
    switch (input.type) {
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
    }
  }

  wake(now: Instant): void {
    this.#upstreamQueries.wake(now)
    this.#siteQueries.wake(now)
    this.#passOnSite(now)
  }

  poll(): StubResolverOutput<Query> | undefined {
    return this.#outputs.poll() ?? this.#upstreamQueries.poll()
  }

  deadline(): Deadline | undefined {
    return earliest(this.#upstreamQueries.deadline(), this.#siteQueries.deadline())
  }

  /** Whether a normalized name belongs to a resource. */
  isResource(name: string): boolean {
    return this.#ownersOf(name).length > 0
  }

  /** What was refused or dropped, by reason, and how often. */
  counters(): Readonly<Record<string, number>> {
    return { ...this.#counters.snapshot(), ...this.#upstreamQueries.counters(), ...this.#siteQueries.counters() }
  }

  #onFindings({ resourceId, domain, found }: StubResolverInput<Query> & { type: 'nameResolved' }, now: Instant): void {
    const key = `${resourceId} ${domain}`
    this.#missingUntil.delete(key)
    if (found?.ipv4 !== 'no_such_name' || found.ipv6 !== 'no_such_name') return
    this.#missingUntil.set(key, after(now, MISSING_FOR))
    for (const [oldest, until] of this.#missingUntil) {
      if (until > now && this.#missingUntil.size <= MAX_MISSING) break
      this.#missingUntil.delete(oldest)
    }
  }

  /** D13: whether each site that a name may belong to said that it does not have it, and only wildcards take it in. */
  #isMissing(name: string, owners: readonly NamedResource[], now: Instant): boolean {
    return owners.every((owner) => {
      const until = this.#missingUntil.get(`${owner.id} ${name}`)
      return until !== undefined && until > now && !isOneName(owner)
    })
  }

  #onResources(resources: readonly NamedResource[]): void {
    this.#resources = new ResourceNames(resources)
    for (const _ of this.#resources.invalid) this.#counters.count('invalid-pattern')
    for (const [domain, before] of this.#owners) {
      const owners = this.#resources.match(domain)
      this.#owners.set(domain, owners)
      if (!sameIds(owners, before)) this.#tellMapping(domain, owners)
    }
  }

  #onUpstreams(upstreams: readonly Upstream[], now: Instant): void {
    const kept = upstreams.slice(0, MAX_UPSTREAMS)
    if (this.#upstreams !== undefined && JSON.stringify(kept) === JSON.stringify(this.#upstreams)) return
    this.#upstreams = kept
    this.#upstreamQueries.handle({ type: 'upstreamsChanged', upstreams: kept }, now)
    this.#sentinelAddresses = this.#sentinels.assign(
      kept.map(({ server }) => ({ isIpv6: server.endpoint?.startsWith('[') ?? false })),
    )
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
    const message = this.#ownAnswer(parsed, owners, now)
    if (message !== undefined) {
      const resourceIds = owners.map(({ id }) => id)
      const by: AnsweredBy = owners.length > 0 ? { type: 'resource', resourceIds } : { type: 'resolver' }
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
    return this.#owners.get(name) ?? this.#resources.match(name)
  }

  /** The answer to what must not be asked elsewhere, undefined for all else. */
  #ownAnswer(query: DnsQuery, owners: readonly NamedResource[], now: Instant): Uint8Array | undefined {
    if (query.name === CANARY) return answerTo(query, { code: ResponseCode.NXDOMAIN })
    if (owners.length > 0) return this.#resourceAnswer(query, owners, now)
    const address = reverseAddress(query.name)
    if (address === undefined || !isMapped(address)) return undefined
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
    if (kind !== 'meta' && this.#isMissing(query.name, owners, now)) {
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
        // HTTPS (65) among them: what it would say of addresses would lead past the tunnel.
        return empty(query)
    }
  }

  #addressAnswer(
    { query, owners, family }: { query: DnsQuery; owners: readonly NamedResource[]; family: 'ipv4' | 'ipv6' },
    now: Instant,
  ): Uint8Array {
    const other = family === 'ipv4' ? 'ipv6_only' : 'ipv4_only'
    // D3, D5: a name has the families of its most specific resource, whichever of its resources permits a port.
    if (owners[0]?.ipStack === other) return empty(query)
    const assigned = this.#mapped.assign(query.name, { isExact: owners.some(isOneName), now })
    if (assigned.watch) this.#outputs.push({ type: 'watchNames' })
    if (assigned.number === undefined) {
      this.#counters.count('mapped-addresses-exhausted')
      return answerTo(query, { code: ResponseCode.SERVFAIL })
    }
    if (assigned.forgotten !== undefined) {
      this.#counters.count('mapped-name-forgotten')
      this.#owners.delete(assigned.forgotten)
      this.#outputs.push({ type: 'forgetName', domain: assigned.forgotten })
    }
    if (assigned.isNew) {
      this.#owners.set(query.name, owners)
      this.#tellMapping(query.name, owners)
    } else {
      this.#outputs.push({ type: 'refreshName', domain: query.name })
    }
    return answerTo(query, {
      code: ResponseCode.NOERROR,
      records: {
        type: family === 'ipv4' ? RecordType.A : RecordType.AAAA,
        ttlSeconds: TTL_SECONDS,
        data: addressBytes(assigned.number, family),
      },
    })
  }

  #tellMapping(domain: string, owners: readonly NamedResource[]): void {
    const number = this.#mapped.numberOf(domain)
    if (number === undefined) return
    const { ipv4, ipv6 } = addressText(number)
    const resourceIds = owners.map(({ id }) => id)
    this.#outputs.push({ type: 'mapName', domain, addresses: [...ipv4, ...ipv6], resourceIds })
  }
}

/** Short, so that an application asks again soon when what a name stands for changes. */
const TTL_SECONDS = 1

/** Time for which a name counts as missing, as long as a gateway remembers it (D10); then it is asked for anew. */
const MISSING_FOR = 30 * SECOND
const MAX_MISSING = 4_096

/** As many as there are in no sensible configuration; each has a sentinel. */
const MAX_UPSTREAMS = 8

/** NXDOMAIN keeps Firefox from going past the system's resolver (its canary domain). */
const CANARY = 'use-application-dns.net'

const empty = (query: DnsQuery): Uint8Array => answerTo(query, { code: ResponseCode.NOERROR })

const sameIds = (a: readonly NamedResource[], b: readonly NamedResource[]): boolean =>
  a.length === b.length && a.every(({ id }, at) => id === b[at]?.id)
