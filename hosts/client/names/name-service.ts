import { DEFAULT_RANGES, toldRanges, type AddressRanges } from '../../../core/net/address-ranges.ts'
import { formatPrefix } from '../../../core/net/prefix.ts'
import type { ServerVerdict, UpstreamVerdict } from '../../../core/contract/upstream-resolver.ts'
import type { ClientInterface } from '../../../core/control/messages.ts'
import { NO_KEPT_NAMES, type KeptNames } from '../../../core/dns/kept-names.ts'
import { normalizeName } from '../../../core/dns/pattern.ts'
import { nameRanges, type NamedResource } from '../../../core/dns/resource-names.ts'
import type { SiteFindings } from '../../../core/dns/site-finding.ts'
import { StubResolver, type StubResolverInput, type StubResolverOutput } from '../../../core/dns/stub-resolver.ts'
import type { AnsweredBy, Upstream } from '../../../core/dns/upstream-queries.ts'
import { IPV4_ONLY_NAME } from '../../../core/net/nat64.ts'
import type { ClientFlowsInput } from '../../../core/flow/client/client-flows.ts'
import { splitEndpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import type { NameRange } from '../../../core/runtime/network-configuration.ts'
import { HeldMachines, type Tell } from '../../../core/runtime/held-machines.ts'
import { earliest, type Deadline, type Machine } from '../../../core/runtime/machine.ts'
import type { Note } from '../../../core/runtime/note.ts'
import { OutputQueue } from '../../../core/runtime/output-queue.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import { NameKeeping } from './name-keeping.ts'
import { bypassingUpstreams, upstreamsOf, type ReadUpstream, type UnusableResolver } from './upstreams.ts'

export type NameServiceInput =
  | { type: 'configured'; interface: ClientInterface }
  | { type: 'resourcesChanged'; resources: readonly NamedResource[] }
  /** Upstreams of the client's own configuration, and the system's name servers: at the start, and when the network changes. */
  | {
      type: 'upstreamsFound'
      own: readonly Upstream[]
      system: readonly Endpoint[]
      /** System's search domains, beside the account's. */
      searchDomains: readonly string[]
    }
  /** Access to a resource was denied, or no gateway of it is reached. */
  | { type: 'siteNotReached'; resourceId: string }
  | { type: 'upstreamAnswered'; ask: number; verdict: UpstreamVerdict }
  | { type: 'siteAnswered'; ask: number; verdict: ServerVerdict }
  | { type: 'nameUsed'; domain: string }
  | { type: 'nameResolved'; resourceId: string; domain: string; found: SiteFindings | undefined }
  | { type: 'udpQueryReceived'; source: Endpoint; destination: Endpoint; message: Uint8Array }
  /** DNS query over TCP to a sentinel; the answer is sent over `connection`. */
  | { type: 'tcpQueryReceived'; connection: number; sentinel: string; message: Uint8Array }
  /** Request to describe how a query is answered. */
  | { type: 'inspectionRequested'; inspection: number; message: Uint8Array; protocol: 'udp' | 'tcp' }

export type NameServiceOutput =
  | Note
  | Extract<StubResolverOutput<Query>, { type: 'askUpstream' | 'cancelAsk' | 'askSite' | 'cancelSiteAsk' }>
  /**
   * Input for the packet engine in the lane: names of resources, mapped addresses, and DNS answers to send as packets.
   */
  | { type: 'flowsTold'; input: ClientFlowsInput }
  | { type: 'answerTcpQuery'; connection: number; message: Uint8Array }
  | { type: 'inspected'; inspection: number; message: Uint8Array; by: AnsweredBy }
  /** Keep these names for the next run. */
  | { type: 'keepNames'; kept: KeptNames }
  /** Set the system's resolver to these servers, which are the client's sentinels. */
  | {
      type: 'configureResolver'
      servers: readonly string[]
      searchDomain: string | undefined
      names: readonly NameRange[]
    }

/** Destination of the resolver's answer. */
type Query =
  | { via: 'udp'; source: Endpoint; destination: Endpoint }
  | { via: 'tcp'; connection: number }
  | { via: 'inspection'; inspection: number }

/**
 * Name service of a client: the stub resolver, the upstream servers it asks, and the configuration of the system's
 * resolver.
 */
export class NameService implements Machine<NameServiceInput, NameServiceOutput> {
  readonly #resolver: StubResolver<Query>
  readonly #held = new HeldMachines()
  readonly #tellResolver: Tell<StubResolverInput<Query>>
  readonly #read: ReadUpstream
  readonly #keeping: NameKeeping
  readonly #outputs = new OutputQueue<NameServiceOutput>()
  #interface: ClientInterface | undefined
  #ranges: AddressRanges = DEFAULT_RANGES
  #own: readonly Upstream[] = []
  #system: readonly Endpoint[] = []
  #searchDomains: readonly string[] = []
  #upstreams: readonly Upstream[] = []
  #unusable: readonly UnusableResolver[] = []
  #sentinels: readonly string[] = []
  #names: readonly NameRange[] = []
  #told = ''

  /**
   * `read` reads resolvers that the account names; `portalHost`: name or address of the portal; `kept`: names of earlier
   * runs.
   */
  constructor({
    read,
    portalHost,
    kept = NO_KEPT_NAMES,
  }: {
    read: ReadUpstream
    portalHost?: string | undefined
    kept?: KeptNames | undefined
  }) {
    this.#read = read
    this.#keeping = new NameKeeping({ kept, place: portalHost ?? '' })
    // A network's own name servers know its NAT64, and whether it has one at all.
    const bypassingNames = [IPV4_ONLY_NAME, ...(portalHost === undefined ? [] : [normalizeName(portalHost)])]
    this.#resolver = new StubResolver({ bypassingNames })
    this.#tellResolver = this.#held.hold(this.#resolver, (output, now) => this.#onResolver(output, now))
  }

  /** Names to keep for the next run, once no further one will be mapped. */
  get keptNames(): KeptNames {
    return this.#keeping.last(this.#resolver.keptAddresses)
  }

  get upstreams(): readonly Upstream[] {
    return this.#upstreams
  }

  /** Resolvers that the account names and this client does not ask. */
  get unusable(): readonly UnusableResolver[] {
    return this.#unusable
  }

  isResource(name: string): boolean {
    return this.#resolver.isResource(name)
  }

  counters(): Readonly<Record<string, number>> {
    return this.#resolver.counters()
  }

  handle(input: NameServiceInput, now: Instant): void {
    switch (input.type) {
      case 'configured':
        this.#useRanges(toldRanges(input.interface.address_ranges), now)
        this.#interface = input.interface
        this.#restoreNames(input.interface, now)
        return this.#chooseUpstreams(now)
      case 'upstreamsFound':
        this.#own = input.own
        this.#system = input.system
        this.#searchDomains = input.searchDomains
        return this.#chooseUpstreams(now)
      case 'resourcesChanged':
        this.#tellResolver(input, now)
        this.#names = nameRanges(input.resources)
        return this.#configure()
      case 'upstreamAnswered':
      case 'siteAnswered':
      case 'nameUsed':
      case 'nameResolved':
      case 'siteNotReached':
        return this.#tellResolver(input, now)
      case 'udpQueryReceived': {
        const { source, destination, message } = input
        const sentinel = splitEndpoint(destination)?.address ?? ''
        const query: Query = { via: 'udp', source, destination }
        return this.#tellResolver({ type: 'queryReceived', query, sentinel, message, protocol: 'udp' }, now)
      }
      case 'tcpQueryReceived': {
        const { connection, sentinel, message } = input
        const query: Query = { via: 'tcp', connection }
        return this.#tellResolver({ type: 'queryReceived', query, sentinel, message, protocol: 'tcp' }, now)
      }
      case 'inspectionRequested': {
        const { inspection, message, protocol } = input
        const query: Query = { via: 'inspection', inspection }
        const sentinel = this.#sentinels[0] ?? ''
        return this.#tellResolver({ type: 'queryReceived', query, sentinel, message, protocol }, now)
      }
    }
  }

  wake(now: Instant): void {
    this.#held.wake(now)
    const kept = this.#keeping.take(now, () => this.#resolver.keptAddresses)
    if (kept !== undefined) this.#outputs.push({ type: 'keepNames', kept })
  }

  poll(): NameServiceOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    const { due } = this.#keeping
    return earliest(this.#held.deadline(), due && { at: due, reason: 'keep the names that have addresses' })
  }

  #useRanges(ranges: AddressRanges, now: Instant): void {
    const isSame = JSON.stringify(ranges.own.map(formatPrefix)) === JSON.stringify(this.#ranges.own.map(formatPrefix))
    if (isSame) return
    this.#ranges = ranges
    this.#tellResolver({ type: 'rangesChanged', ranges }, now)
  }

  #restoreNames({ signed_in_as: person }: ClientInterface, now: Instant): void {
    const restored = this.#keeping.begin(
      person && `${person.account_slug} ${person.actor_id ?? person.actor_name}`,
      now,
    )
    if (restored !== undefined) this.#tellResolver({ ...restored, type: 'namesKept' }, now)
  }

  #chooseUpstreams(now: Instant): void {
    if (this.#interface === undefined) return
    const told = new Set(this.#unusable.map(({ text }) => text))
    const { upstreams, unusable } = upstreamsOf(this.#interface, { read: this.#read, own: this.#own })
    this.#upstreams = upstreams
    this.#unusable = unusable
    for (const { resolver, reason, text } of unusable) {
      if (told.has(text)) continue
      this.#outputs.push({ type: 'note', level: 'warn', message: text, fields: { resolver, reason } })
    }
    const bypassing = bypassingUpstreams(this.#system)
    this.#tellResolver({ type: 'upstreamsChanged', upstreams: this.#upstreams, bypassing }, now)
    const { search_domain: ofAccount } = this.#interface
    const domains = [...(ofAccount ? [normalizeName(ofAccount)] : []), ...this.#searchDomains]
    this.#tellResolver({ type: 'searchDomainsChanged', domains }, now)
    this.#configure()
  }

  #configure(): void {
    const searchDomain = this.#interface?.search_domain ?? undefined
    const wanted = JSON.stringify([this.#sentinels, searchDomain, this.#names])
    if (this.#sentinels.length === 0 || wanted === this.#told) return
    this.#told = wanted
    this.#outputs.push({ type: 'configureResolver', servers: this.#sentinels, searchDomain, names: this.#names })
  }

  #onResolver(output: StubResolverOutput<Query>, now: Instant): void {
    this.#keeping.changed(this.#resolver.keptChanges, now)
    switch (output.type) {
      case 'answer':
        return this.#answer(output)
      case 'sentinelsChanged':
        this.#sentinels = output.addresses
        this.#tellFlows(output)
        return this.#configure()
      case 'mapName':
        return this.#tellFlows({ ...output, type: 'nameMapped' })
      case 'forgetName':
        return this.#tellFlows({ type: 'nameForgotten', domain: output.domain })
      case 'awaitName':
        return this.#tellFlows({ ...output, type: 'nameAwaited' })
      case 'watchNames':
        return this.#tellFlows({ type: 'namesWatched' })
      case 'refreshName':
        return this.#tellFlows({ type: 'nameQueried', domain: output.domain })
      default:
        this.#outputs.push(output)
    }
  }

  #tellFlows(input: ClientFlowsInput): void {
    this.#outputs.push({ type: 'flowsTold', input })
  }

  /** Sends an answer. If it has addresses of a resource, access to that is requested before the packets that follow. */
  #answer(answer: Extract<StubResolverOutput<Query>, { type: 'answer' }>): void {
    this.#sendAnswer(answer)
    const { query, message, by } = answer
    // An inspection of an answer wants no connection.
    if (by.type !== 'resource' || query.via === 'inspection' || !hasAnswers(message)) return
    const [resourceId] = by.resourceIds
    if (resourceId !== undefined) this.#tellFlows({ type: 'addressAsked', domain: by.domain, resourceId })
  }

  #sendAnswer({ query, message, by }: Extract<StubResolverOutput<Query>, { type: 'answer' }>): void {
    switch (query.via) {
      case 'inspection':
        this.#outputs.push({ type: 'inspected', inspection: query.inspection, message, by })
        return
      case 'tcp':
        this.#outputs.push({ type: 'answerTcpQuery', connection: query.connection, message })
        return
      case 'udp': {
        const { source, destination } = query
        this.#tellFlows({ type: 'resolverAnswer', source, destination, message })
      }
    }
  }
}

/** Whether a DNS message has records in its answer section. RFC 1035 §4.1.1, ANCOUNT */
const hasAnswers = (message: Uint8Array): boolean => message[6] !== 0 || message[7] !== 0
