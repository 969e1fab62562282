// The gateway as a machine: the portal's link, the packet engine and the tunnels, and what passes between them. It enforces its
// authorizations by itself: the portal may be away for as long as they last.
import type { Tunnel } from '../../core/contract/tunnel-transport.ts'
import type { UpstreamVerdict } from '../../core/contract/upstream-resolver.ts'
import { FEATURES, type FromPortal, type GatewayResource, type ToPortal } from '../../core/control/messages.ts'
import { portFilters } from '../../core/control/port-filters.ts'
import { PortalLink, type LinkInput, type LinkOutput } from '../../core/control/portal-link.ts'
import { keyFromBase64 } from '../../core/crypto/text-encoding.ts'
import { SiteResolver, type SiteResolverInput, type SiteResolverOutput } from '../../core/dns/site-resolver.ts'
import { SiteService, type SiteServiceInput, type SiteServiceOutput } from '../../core/dns/site-service.ts'
import type { FlowResource } from '../../core/flow/flow-resource.ts'
import { GatewayFlows, type GatewayFlowsInput, type GatewayFlowsOutput } from '../../core/flow/gateway-flows.ts'
import { ScriptLane, type Lane, type LaneCommand, type LaneInput, type LaneReport } from '../../core/flow/lane.ts'
import { LocalCandidates, type CandidateChange } from '../../core/ice/local-candidates.ts'
import { PeerTunnels, type PeerTunnelsInput, type PeerTunnelsOutput } from '../../core/ice/peer-tunnels.ts'
import type { Datagram } from '../../core/runtime/datagram-socket.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import { earliest, type Deadline, type Machine } from '../../core/runtime/machine.ts'
import type { Random } from '../../core/runtime/random.ts'
import { DAY, instantOf, SECOND, unixTime, type ClockPair, type Instant } from '../../core/runtime/time.ts'
import type { SiteQuery } from './site-listeners.ts'

export interface GatewayStateOptions {
  random: Random
  tunnel: Tunnel
  /** How packets move; by themselves in this machine if not given. */
  lane?: Lane<GatewayFlowsInput, GatewayFlowsOutput>
  /** Both clocks at a moment: the portal's expiries are wall-clock times. */
  clocksAt: (now: Instant) => ClockPair
}

export type GatewayInput =
  | { type: 'started' }
  | { type: 'stopped' }
  /** Of the connection to the portal. */
  | Extract<LinkInput<'gateway'>, { type: `connection${string}` | 'frameReceived' }>
  | { type: 'socketsOpened'; ports: { ipv4?: number; ipv6?: number } }
  /** This machine's addresses, without those of the tunnel device. */
  | { type: 'addressesChanged'; addresses: readonly string[] }
  /** Borrowed until `handle` returns. */
  | { type: 'datagramsReceived'; datagrams: readonly Datagram[] }
  /** Borrowed until `handle` returns. */
  | { type: 'tunPackets'; packets: readonly Uint8Array[] }
  /** The answer to `askSystem`. */
  | { type: 'systemAnswered'; ask: number; verdict: UpstreamVerdict }
  /** By the worker of a native lane. */
  | { type: 'laneReported'; report: LaneReport<GatewayFlowsOutput> }
  /** A DNS message to our own tunnel address. */
  | Extract<SiteServiceInput<SiteQuery>, { type: 'siteQueryReceived' }>
  /** The answer to `askSite`. */
  | { type: 'siteAnswered'; ask: number; verdict: UpstreamVerdict }

export type GatewayOutput =
  | { type: 'openConnection' }
  | { type: 'closeConnection' }
  | { type: 'sendText'; text: string }
  | { type: 'sendDatagram'; peer: Endpoint; datagram: Uint8Array }
  | { type: 'writeTun'; packet: Uint8Array }
  /** Of a native lane, in order with `sendDatagram`. */
  | { type: 'tellWorker'; command: LaneCommand<GatewayFlowsInput> }
  /** Give the device these addresses, lead the clients' addresses to it, and forward what comes from it. */
  | { type: 'configureInterface'; ipv4: string; ipv6: string; masqueradeIpv4: boolean; masqueradeIpv6: boolean }
  | Extract<SiteResolverOutput, { type: 'askSystem' | 'cancelAsk' }>
  | Exclude<SiteServiceOutput<SiteQuery>, { type: 'judgeName' }>
  | { type: 'end'; reason: 'signed_out' | 'unreachable'; detail: string }

/** The addresses that clients have: what is sent to them goes to the device. protocol.md §4 */
export const CLIENT_PREFIXES = ['100.64.0.0/11', 'fd00:2021:1111::/107']

/** One thing may be asked for more than once before it is done. */
const MAX_REFS = 16

/** References of the portal's, by client and resource. */
type AwaitedRefs = Map<string, string[]>

const expect = (awaited: AwaitedRefs, key: string, ref: string): void => {
  awaited.set(key, [...(awaited.get(key) ?? []), ref].slice(-MAX_REFS))
}

const take = (awaited: AwaitedRefs, key: string): string[] => {
  const refs = awaited.get(key) ?? []
  awaited.delete(key)
  return refs
}

export class GatewayState implements Machine<GatewayInput, GatewayOutput> {
  readonly #link: PortalLink<'gateway'>
  readonly #lane: Lane<GatewayFlowsInput, GatewayFlowsOutput>
  readonly #resolver: SiteResolver
  readonly #service = new SiteService<SiteQuery>()
  readonly #tunnels: PeerTunnels
  readonly #locals = new LocalCandidates()
  readonly #clocksAt: (now: Instant) => ClockPair
  /** Public keys of the clients that hold a grant, by their ids. */
  readonly #clients = new Map<string, string>()
  /** What the portal waits to hear of, by client and resource. */
  readonly #grants: AwaitedRefs = new Map()
  readonly #rejections: AwaitedRefs = new Map()
  readonly #outputs: GatewayOutput[] = []
  #configured = ''

  constructor({ random, tunnel, lane, clocksAt }: GatewayStateOptions) {
    this.#lane = lane ?? new ScriptLane(new GatewayFlows())
    this.#link = new PortalLink({
      role: 'gateway',
      random,
      features: [FEATURES.acknowledgedReject],
      patienceMs: 1 * DAY,
    })
    this.#resolver = new SiteResolver({ random })
    this.#tunnels = new PeerTunnels({ role: 'controlled', random, tunnel })
    this.#clocksAt = clocksAt
  }

  /** The clients that hold a grant. */
  get clientIds(): string[] {
    return [...this.#clients.keys()]
  }

  /** Of each part: reasons and how often something was dropped for them. */
  counters(): Readonly<Record<string, Readonly<Record<string, number>>>> {
    return {
      link: this.#link.counters(),
      ...this.#lane.counters(),
      resolver: this.#resolver.counters(),
      service: this.#service.counters(),
      tunnels: this.#tunnels.counters(),
    }
  }

  handle(input: GatewayInput, now: Instant): void {
    switch (input.type) {
      case 'started':
        return this.#tellLink({ type: 'start' }, now)
      case 'stopped':
        // First the portal, so that it offers this gateway to nobody; then the clients, which ask for another one at once.
        this.#tellLink({ type: 'stop' }, now)
        return this.#tellFlows({ type: 'retainOnly', grants: [] }, now)
      case 'connectionOpened':
      case 'connectionRefused':
      case 'connectionClosed':
      case 'frameReceived':
        return this.#tellLink(input, now)
      case 'socketsOpened':
        return this.#tellCandidates(this.#locals.setPorts(input.ports), now)
      case 'addressesChanged':
        return this.#tellCandidates(this.#locals.setAddresses(input.addresses), now)
      case 'datagramsReceived':
        for (const { peer, bytes } of input.datagrams) {
          this.#tellTunnels({ type: 'datagramReceived', path: peer, datagram: bytes }, now)
        }
        return
      case 'laneReported':
        return this.#tellLane({ type: 'workerReported', report: input.report }, now)
      case 'tunPackets':
        return this.#tellFlows(input, now)
      case 'systemAnswered':
        return this.#tellResolver(input, now)
      case 'siteQueryReceived':
      case 'siteAnswered':
        return this.#tellService(input, now)
    }
  }

  wake(now: Instant): void {
    this.#link.wake(now)
    this.#drainLink(now)
    this.#lane.wake(now)
    this.#drainLane(now)
    this.#resolver.wake(now)
    this.#drainResolver(now)
    this.#service.wake(now)
    this.#drainService(now)
    this.#tunnels.wake(now)
    this.#drainTunnels(now)
  }

  poll(): GatewayOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Deadline | undefined {
    return earliest(
      this.#link.deadline(),
      this.#lane.deadline(),
      this.#resolver.deadline(),
      this.#service.deadline(),
      this.#tunnels.deadline(),
    )
  }

  #tellLink(input: LinkInput<'gateway'>, now: Instant): void {
    this.#link.handle(input, now)
    this.#drainLink(now)
  }

  #drainLink(now: Instant): void {
    for (let output = this.#link.poll(); output !== undefined; output = this.#link.poll()) this.#onLink(output, now)
  }

  #onLink(output: LinkOutput<'gateway'>, now: Instant): void {
    switch (output.type) {
      case 'deliver':
        return this.#onMessage(output, now)
      case 'linkUp':
      case 'linkDown':
        return
      case 'signedOut':
      case 'gaveUp':
        // Without a token this machine is no gateway: nobody passes any more.
        this.#tellFlows({ type: 'retainOnly', grants: [] }, now)
        this.#outputs.push({
          type: 'end',
          reason: output.type === 'signedOut' ? 'signed_out' : 'unreachable',
          detail: output.reason,
        })
        return
      case 'openConnection':
      case 'closeConnection':
      case 'sendText':
        this.#outputs.push(output)
    }
  }

  #onMessage(message: FromPortal<'gateway'>, now: Instant): void {
    switch (message.event) {
      case 'init':
        return this.#resynchronise(message.payload, now)
      case 'createAuthorization':
        return this.#authorize(message.payload, now)
      case 'rejectAccess': {
        const { client_id: peer, resource_id: resourceId, ref } = message.payload
        if (ref !== undefined) expect(this.#rejections, `${peer} ${resourceId}`, ref)
        return this.#tellFlows({ type: 'revoked', peer, resourceId }, now)
      }
      case 'resourceUpdated':
        return this.#tellFlows({ type: 'resourceUpdated', resource: flowResource(message.payload) }, now)
      case 'iceCandidates': {
        const { client_id, candidates } = message.payload
        return this.#tellTunnels({ type: 'remoteCandidatesAdded', peer: client_id, candidates }, now)
      }
      case 'invalidateIceCandidates': {
        const { client_id, candidates } = message.payload
        return this.#tellTunnels({ type: 'remoteCandidatesRemoved', peer: client_id, candidates }, now)
      }
      case 'relaysPresence':
        // Host candidates do without relays.
        return
    }
  }

  #resynchronise(init: Extract<FromPortal<'gateway'>, { event: 'init' }>['payload'], now: Instant): void {
    const { ipv4, ipv6 } = init.interface
    const masquerade = {
      masqueradeIpv4: init.config.ipv4_masquerade_enabled,
      masqueradeIpv6: init.config.ipv6_masquerade_enabled,
    }
    const wanted = JSON.stringify({ ipv4, ipv6, masquerade })
    if (wanted !== this.#configured) {
      this.#configured = wanted
      this.#outputs.push({ type: 'configureInterface', ipv4, ipv6, ...masquerade })
      this.#tellFlows({ type: 'interfaceConfigured', ipv4, ipv6 }, now)
    }
    const grants = (init.authorizations ?? []).map(({ client_id, resource_id, expires_at }) => ({
      peer: client_id,
      resourceId: resource_id,
      expiresAt: this.#expiry(expires_at, now),
    }))
    this.#tellFlows({ type: 'retainOnly', grants }, now)
  }

  #authorize(created: Extract<FromPortal<'gateway'>, { event: 'createAuthorization' }>['payload'], now: Instant): void {
    const { client, ref } = created
    const expiresAt = this.#expiry(created.expires_at, now)
    // What is not held is not acknowledged: the portal then takes another gateway.
    if (expiresAt !== undefined && expiresAt <= now) return
    const publicKey = keyFromBase64(client.public_key)
    const presharedKey = keyFromBase64(client.preshared_key)
    if (publicKey === undefined || presharedKey === undefined) return
    const peer = client.id
    const keys = `${client.public_key} ${client.preshared_key}`
    const known = this.#clients.get(peer)
    // A client that restarted has another key: what it held before is void.
    if (known !== undefined && known !== keys) this.#forget(peer, now)
    if (known !== keys) this.#tellFlows({ type: 'peerAdded', peer, ipv4: client.ipv4, ipv6: client.ipv6 }, now)
    this.#clients.set(peer, keys)
    this.#tellTunnels(
      {
        type: 'peerAdded',
        peer,
        publicKey,
        presharedKey,
        local: created.gateway_ice_credentials,
        remote: created.client_ice_credentials,
      },
      now,
    )
    const resource = flowResource(created.resource)
    // Acknowledged once the lane has it: a client's first packet may be faster than a letter to a worker.
    expect(this.#grants, `${peer} ${resource.id}`, ref)
    this.#tellFlows({ type: 'granted', peer, resource, expiresAt }, now)
  }

  #granted(peer: string, resourceId: string, now: Instant): void {
    const refs = take(this.#grants, `${peer} ${resourceId}`)
    for (const ref of refs) this.#say({ event: 'authorizationCreated', payload: { ref } }, now)
    if (refs.length === 0) return
    this.#say({ event: 'broadcastIceCandidates', payload: { client_ids: [peer], candidates: this.#locals.lines } }, now)
  }

  /** The portal's unix seconds as a moment; undefined for never. */
  #expiry(seconds: number | null, now: Instant): Instant | undefined {
    return seconds === null ? undefined : instantOf(unixTime(seconds * SECOND), this.#clocksAt(now))
  }

  #forget(peer: string, now: Instant): void {
    if (!this.#clients.delete(peer)) return
    this.#tellFlows({ type: 'peerRemoved', peer }, now)
    this.#tellTunnels({ type: 'peerRemoved', peer }, now)
  }

  #tellFlows(input: GatewayFlowsInput, now: Instant): void {
    this.#tellLane({ type: 'flowsTold', input }, now)
  }

  #tellLane(input: LaneInput<GatewayFlowsInput, GatewayFlowsOutput>, now: Instant): void {
    this.#lane.handle(input, now)
    this.#drainLane(now)
  }

  #drainLane(now: Instant): void {
    for (let output = this.#lane.poll(); output !== undefined; output = this.#lane.poll()) {
      if (output.type === 'flowsOutput') this.#onFlows(output.output, now)
      else if (output.type === 'trafficSeen') this.#tellTunnels(output, now)
      else this.#outputs.push(output)
    }
  }

  #onFlows(output: GatewayFlowsOutput, now: Instant): void {
    switch (output.type) {
      case 'writeTun':
        this.#outputs.push(output)
        return
      case 'sendPacket':
        return this.#tellTunnels({ type: 'packetQueued', peer: output.peer, packet: output.packet }, now)
      case 'resolve':
        return this.#tellResolver({ ...output, type: 'lookupRequested' }, now)
      case 'removePeer':
        return this.#forget(output.peer, now)
      case 'accessGranted':
        return this.#granted(output.peer, output.resourceId, now)
      case 'accessRejected':
        for (const ref of take(this.#rejections, `${output.peer} ${output.resourceId}`)) {
          this.#say({ event: 'accessRejected', payload: { ref } }, now)
        }
        return
      case 'nameJudged':
        return this.#tellService(output, now)
      case 'accessExpired':
        // The portal knows the time as well.
        return
    }
  }

  #tellResolver(input: SiteResolverInput, now: Instant): void {
    this.#resolver.handle(input, now)
    this.#drainResolver(now)
  }

  #drainResolver(now: Instant): void {
    for (let output = this.#resolver.poll(); output !== undefined; output = this.#resolver.poll()) {
      if (output.type === 'resolved') this.#tellFlows(output, now)
      else this.#outputs.push(output)
    }
  }

  #tellService(input: SiteServiceInput<SiteQuery>, now: Instant): void {
    this.#service.handle(input, now)
    this.#drainService(now)
  }

  #drainService(now: Instant): void {
    for (let output = this.#service.poll(); output !== undefined; output = this.#service.poll()) {
      if (output.type === 'judgeName') this.#tellFlows({ ...output, type: 'nameAsked' }, now)
      else this.#outputs.push(output)
    }
  }

  #tellTunnels(input: PeerTunnelsInput, now: Instant): void {
    this.#tunnels.handle(input, now)
    this.#drainTunnels(now)
  }

  #drainTunnels(now: Instant): void {
    for (let output = this.#tunnels.poll(); output !== undefined; output = this.#tunnels.poll()) {
      this.#onTunnels(output, now)
    }
  }

  #onTunnels(output: PeerTunnelsOutput, now: Instant): void {
    switch (output.type) {
      case 'sendDatagram':
        this.#outputs.push({ type: 'sendDatagram', peer: output.path as Endpoint, datagram: output.datagram })
        return
      case 'installKeys':
      case 'removeKeys':
      case 'useKeys':
      case 'sealPacket':
        return this.#tellLane({ type: 'keysExported', output }, now)
      case 'deliverPacket':
        return this.#tellFlows({ type: 'tunnelPacket', peer: output.peer, packet: output.packet }, now)
      case 'pathChosen':
      case 'pathLost':
      case 'peerFailed':
      case 'sessionEstablished':
        // A client that is away keeps what it may do; it will be back, or its grants end.
        return
    }
  }

  #tellCandidates({ added, removed }: CandidateChange, now: Instant): void {
    if (added.length === 0 && removed.length === 0) return
    this.#tellTunnels({ type: 'localCandidatesChanged', candidates: this.#locals.candidates }, now)
    const client_ids = this.clientIds
    if (client_ids.length === 0) return
    if (removed.length > 0) {
      this.#say({ event: 'broadcastInvalidatedIceCandidates', payload: { client_ids, candidates: [...removed] } }, now)
    }
    if (added.length > 0) {
      this.#say({ event: 'broadcastIceCandidates', payload: { client_ids, candidates: [...added] } }, now)
    }
  }

  /** What is said while the portal is away waits for it. */
  #say(message: ToPortal<'gateway'>, now: Instant): void {
    this.#tellLink({ type: 'send', hold: true, ...message }, now)
  }
}

const flowResource = (resource: GatewayResource): FlowResource => {
  if (resource.type === 'internet') return { id: resource.id, type: 'internet', address: '', filters: [] }
  return {
    id: resource.id,
    type: resource.type,
    address: resource.address,
    filters: portFilters(resource.filters),
  }
}
