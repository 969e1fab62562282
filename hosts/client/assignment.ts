import type { ClientInterface, FromPortal } from '../../core/control/messages.ts'
import { OfferedRelays } from '../../core/control/offered-relays.ts'
import type { ClientFlowsInput } from '../../core/flow/client/client-flows.ts'
import type { FlowResource } from '../../core/flow/flow-resource.ts'
import { DEFAULT_RANGES, toldRanges, type AddressRanges } from '../../core/net/address-ranges.ts'
import { formatPrefix } from '../../core/net/prefix.ts'
import type { Tell } from '../../core/runtime/held-machines.ts'
import type { Instant } from '../../core/runtime/time.ts'
import type { ConnectionsInput } from './connections.ts'
import type { NameServiceInput } from './names/name-service.ts'
import type { OwnFactsInput } from './own-facts.ts'
import type { ResourceTable } from './resource-table.ts'
import type { ClientOutput } from './state-messages.ts'

/** Messages by which the portal assigns something to the client. */
export type AssignmentMessage = Extract<
  FromPortal<'client'>,
  { event: 'init' | 'configChanged' | 'resourceCreatedOrUpdated' | 'resourceDeleted' | 'relaysPresence' }
>

/** Parts of the client that follow what it is assigned. */
export interface AssignmentFollowers {
  readonly resources: ResourceTable
  /** Takes the resources after each change, before flows and names do. */
  readonly resourcesChanged: (resources: readonly FlowResource[]) => void
  /** Ids of the resources that gateways serve. */
  readonly served: () => readonly string[]
  readonly flows: Tell<ClientFlowsInput>
  readonly names: Tell<NameServiceInput>
  readonly connections: Tell<ConnectionsInput>
  readonly facts: Tell<OwnFactsInput>
  readonly output: (output: Extract<ClientOutput, { type: 'configureInterface' | 'setRoutes' }>) => void
}

/**
 * Returns the prefixes always routed into the tunnel: peers, mapped addresses and sentinels (whose IPv4 range is within the
 * mapped addresses).
 */
const ownPrefixes = ({ tunnel, mapped, sentinels }: AddressRanges): string[] =>
  [...tunnel, ...mapped, sentinels[1]].map(formatPrefix)

/** All that the portal assigns to a client: its addresses, its resources, STUN servers and relays. */
export class Assignment {
  readonly #followers: AssignmentFollowers
  readonly #servers = new OfferedRelays()
  #interface: ClientInterface | undefined
  #ranges = DEFAULT_RANGES

  constructor(followers: AssignmentFollowers) {
    this.#followers = followers
  }

  /** Account and actor for people, if the portal tells them. */
  get signedInAs(): ClientInterface['signed_in_as'] {
    return this.#interface?.signed_in_as
  }

  take(message: AssignmentMessage, now: Instant): void {
    const { resources, names } = this.#followers
    switch (message.event) {
      case 'init':
        // In this order: addresses, routes, then the resolver, whose sentinel addresses must be routed before.
        this.#configureInterface(message.payload.interface, now, true)
        resources.replaceAll(message.payload.resources ?? [])
        this.#applyResources(now)
        names({ type: 'configured', interface: message.payload.interface }, now)
        this.#servers.replaceAll(message.payload.relays)
        return this.#offerServers(now)
      case 'configChanged':
        if (this.#configureInterface(message.payload.interface, now)) this.#applyResources(now)
        return names({ type: 'configured', interface: message.payload.interface }, now)
      case 'resourceCreatedOrUpdated':
        resources.put(message.payload)
        return this.#applyResources(now)
      case 'resourceDeleted':
        resources.remove(message.payload)
        return this.#applyResources(now)
      case 'relaysPresence':
        this.#servers.change(message.payload)
        return this.#offerServers(now)
    }
  }

  /** Returns whether addresses or ranges have changed. */
  #configureInterface(configured: ClientInterface, now: Instant, isNewConnection = false): boolean {
    const before = this.#interface
    const isChanged = addressesOf(before) !== addressesOf(configured)
    if (isChanged) {
      const { ipv4, ipv6 } = configured
      this.#ranges = toldRanges(configured.address_ranges)
      this.#followers.output({ type: 'configureInterface', ipv4, ipv6, ranges: this.#ranges })
      this.#followers.flows({ type: 'interfaceConfigured', ipv4, ipv6, ranges: this.#ranges }, now)
    }
    this.#interface = configured
    this.#followers.facts({ type: 'factsWanted', names: configured.client_facts ?? [], isNewConnection }, now)
    return isChanged
  }

  #applyResources(now: Instant): void {
    const { resources, resourcesChanged, flows, names, output, served, connections } = this.#followers
    const forFlows = resources.forFlows()
    resourcesChanged(forFlows)
    flows({ type: 'resourcesChanged', resources: forFlows }, now)
    names({ type: 'resourcesChanged', resources: resources.forNames() }, now)
    output({ type: 'setRoutes', prefixes: [...ownPrefixes(this.#ranges), ...resources.prefixes()] })
    for (const resourceId of served()) {
      if (resources.has(resourceId)) continue
      connections({ type: 'resourceWithdrawn', resourceId, reason: 'withdrawn' }, now)
    }
  }

  #offerServers(now: Instant): void {
    const { stunServers, relays } = this.#servers
    this.#followers.connections({ type: 'serversOffered', stunServers, relays }, now)
  }
}

const addressesOf = (told: ClientInterface | undefined): string =>
  told === undefined ? '' : JSON.stringify([told.ipv4, told.ipv6, told.address_ranges])
