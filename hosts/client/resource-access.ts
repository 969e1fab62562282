import type { FromPortal, ToPortal } from '../../core/control/messages.ts'
import type { ServerVerdict } from '../../core/contract/upstream-resolver.ts'
import type { AccessCause, ClientFlowsInput } from '../../core/flow/client/client-flows.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import type { Machine } from '../../core/runtime/machine.ts'
import type { Note } from '../../core/runtime/note.ts'
import { OutputQueue } from '../../core/runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../../core/runtime/time.ts'
import { ClientNews } from './client-news.ts'
import type { ConnectionsOutput, Grant } from './connections.ts'
import { DeadEnds } from './dead-ends.ts'
import type { GatewayTable } from './gateway-table.ts'
import { SiteAsks, type SiteAsk } from './names/site-asks.ts'
import type { Failure, ResourceTable } from './resource-table.ts'

export type ResourceAccessInput =
  /** Packets or queries want a resource; `portalLostAt`: time at which the portal was lost, if it is. */
  | { type: 'accessWanted'; resourceId: string; cause: AccessCause; portalLostAt: Instant | undefined }
  /** The portal is reached again, and can be asked. */
  | { type: 'portalReached' }
  | { type: 'portalAnswered'; answer: Answer }
  | Extract<ConnectionsOutput, { type: 'granted' | 'pathTaken' | 'connected' | 'disconnected' }>
  | SiteAsk
  | { type: 'cancelSiteAsk'; ask: number }

type AccessWanted = Omit<Extract<ResourceAccessInput, { type: 'accessWanted' }>, 'type'>

/** Message of the portal that grants or denies access. */
export type Answer = Extract<FromPortal<'client'>, { event: 'authorizationCreated' | 'authorizationCreationFailed' }>

export type ResourceAccessOutput =
  | { type: 'say'; message: ToPortal<'client'> }
  /** A grant that was waited for, for the connections to gateways. */
  | { type: 'grantTaken'; grant: Grant }
  /** Input for the packet engine in the lane. */
  | { type: 'flowsTold'; input: ClientFlowsInput }
  | { type: 'askGateway'; ask: number; server: Endpoint; message: Uint8Array; protocol: 'udp' | 'tcp' }
  | { type: 'siteAnswered'; ask: number; verdict: ServerVerdict }
  | Note

/** Time for which requests wait for a portal that is not reached, longer than a restart of the portal takes. */
const PORTAL_MISSED_MS = 5 * SECOND
/** Time for which what was wanted while the portal was away is asked for once it is back. */
const STILL_WANTED_MS = 30 * SECOND

/**
 * Access to resources, from wanted to connected: requests to the portal, its grants and denials, gateways that are not
 * reached, and the questions to sites that wait for a grant. Keeps the state of each resource in the table.
 */
export class ResourceAccess implements Machine<ResourceAccessInput, ResourceAccessOutput> {
  readonly #resources: ResourceTable
  readonly #gateways: GatewayTable
  readonly #candidates: () => readonly string[]
  readonly #news = new ClientNews()
  readonly #siteAsks = new SiteAsks()
  readonly #deadEnds = new DeadEnds()
  /** Times at which resources were last wanted while the portal was away, and why. */
  readonly #missed = new Map<string, { at: Instant; cause: AccessCause }>()
  readonly #outputs = new OutputQueue<ResourceAccessOutput>()

  /** `candidates` returns this client's candidates, as text. */
  constructor({
    resources,
    gateways,
    candidates,
  }: {
    resources: ResourceTable
    gateways: GatewayTable
    candidates: () => readonly string[]
  }) {
    this.#resources = resources
    this.#gateways = gateways
    this.#candidates = candidates
  }

  handle(input: ResourceAccessInput, now: Instant): void {
    switch (input.type) {
      case 'accessWanted':
        return this.#want(input, now)
      case 'portalReached':
        return this.#askForMissed(now)
      case 'portalAnswered':
        if (input.answer.event === 'authorizationCreated') this.#takeGrant(input.answer.payload, now)
        else this.#takeDenial(input.answer.payload, now)
        return
      case 'granted':
        this.#note(this.#news.hear(input, now))
        return this.#resources.connecting(input.resourceId, input.gateway.id)
      case 'pathTaken':
        return this.#note(this.#news.hear(input, now))
      case 'connected':
        return this.#connect(input, now)
      case 'disconnected':
        return this.#disconnect(input, now)
      case 'askSite':
        return this.#askSite(input, now)
      case 'cancelSiteAsk':
        return this.#siteAsks.forget(input.ask)
    }
  }

  wake(): void {
    // There are no deadlines.
  }

  poll(): ResourceAccessOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): undefined {
    return undefined
  }

  #want({ resourceId, cause, portalLostAt }: AccessWanted, now: Instant): void {
    // The resource is granted already, and a path to its gateway is being sought.
    if (this.#gateways.isConnecting(resourceId)) return
    if (portalLostAt !== undefined && now >= after(portalLostAt, PORTAL_MISSED_MS)) {
      this.#missed.set(resourceId, { at: now, cause })
      this.#note(this.#news.notRequested(resourceId, now))
      return this.#fail(resourceId, { reason: 'portal-unreachable', now })
    }
    this.#request(resourceId, cause, now)
  }

  /** Asks for what was wanted a moment ago: applications whose packets were refused take long to send more. */
  #askForMissed(now: Instant): void {
    const missed = [...this.#missed]
    this.#missed.clear()
    for (const [resourceId, { at, cause }] of missed) {
      if (now < after(at, STILL_WANTED_MS)) this.#want({ resourceId, cause, portalLostAt: undefined }, now)
    }
  }

  #request(resourceId: string, cause: AccessCause, now: Instant): void {
    const { connected, unreachable } = this.#gateways.forRequest(now)
    const roundTrips = [...this.#gateways.roundTrips(now)].map(([id, { milliseconds, at }]) => ({
      gateway_id: id,
      ms: milliseconds,
      age_ms: Math.floor(now - at),
    }))
    this.#resources.requested(resourceId)
    const payload = {
      resource_id: resourceId,
      connected_gateway_ids: connected,
      ...(unreachable.length === 0 ? {} : { unreachable_gateway_ids: unreachable }),
      ...(roundTrips.length === 0 ? {} : { round_trips: roundTrips }),
      candidates: [...this.#candidates()],
      ...(cause === 'question' && { for_name: true }),
    }
    this.#outputs.push({ type: 'say', message: { event: 'requestAuthorization', payload } })
  }

  #takeGrant(grant: Grant, now: Instant): void {
    const { resource_id: resourceId, gateway_id: gatewayId } = grant
    // A late answer that is not awaited is ignored: the portal must be asked again.
    if (!this.#resources.takeAnswer(resourceId)) return
    // If the portal grants only a gateway that was just not reached, packets need not wait while it is tried again.
    const deadEnd = this.#deadEnds.granted(resourceId, gatewayId, now)
    if (deadEnd !== undefined) this.#fail(resourceId, { ...deadEnd, now })
    this.#outputs.push({ type: 'grantTaken', grant })
  }

  #takeDenial(denial: Extract<Answer, { event: 'authorizationCreationFailed' }>['payload'], now: Instant): void {
    const { resource_id: resourceId, reason, details, limit } = denial
    const deadEnd = this.#deadEnds.take(resourceId, now)
    if (reason === 'offline' && deadEnd !== undefined) this.#fail(resourceId, { ...deadEnd, now })
    // None of the gateways was reached. One may have restarted since, which the client is not told, so they are
    // tried again, and at last the one that was lost just now.
    if (reason === 'offline' && this.#gateways.forgetDeadButLast()) {
      return this.#want({ resourceId, cause: 'packet', portalLostAt: undefined }, now)
    }
    this.#resources.denied(resourceId, { reason, details, limit, now })
    this.#note(this.#news.denied(resourceId, reason, now))
    for (const ask of this.#siteAsks.takeDenied(resourceId)) this.#askSite(ask, now)
    this.#tellFlows({ type: 'accessDenied', resourceId, isTransient: reason === 'offline' })
  }

  #connect({ resourceId, gateway }: Extract<ResourceAccessInput, { type: 'connected' }>, now: Instant): void {
    const { id: peer, ipv4: peerIpv4, ipv6: peerIpv6 } = gateway
    this.#resources.connected(resourceId, peer)
    this.#missed.delete(resourceId)
    this.#deadEnds.take(resourceId, now)
    this.#tellFlows({ type: 'connected', resourceId, peer, peerIpv4, peerIpv6 })
    for (const ask of this.#siteAsks.takeConnected(resourceId)) this.#askSite(ask, now)
  }

  #disconnect(input: Extract<ResourceAccessInput, { type: 'disconnected' }>, now: Instant): void {
    const { gateway, resourceIds, reason, how, search, isGone = false } = input
    this.#note(this.#news.hear(input, now))
    this.#tellFlows({ type: 'peerLost', peer: gateway.id, isGone })
    for (const id of resourceIds) {
      if (how === 'ended') this.#resources.disconnected(id, reason)
      // Packets wait, as another gateway may take over within a moment.
      else this.#resources.unreachable(id, { reason, gateway: gateway.name, search, now })
      if (how !== 'failed') continue
      this.#deadEnds.add(id, gateway.id, { reason, gateway: gateway.name, search, now })
      this.#tellFlows({ type: 'gatewayFailed', resourceId: id, isWanted: this.#siteAsks.isWanted(id) })
    }
  }

  /** Shows a resource as unreachable and refuses the packets of applications that wait for it. */
  #fail(resourceId: string, why: Failure): void {
    this.#resources.unreachable(resourceId, why)
    this.#tellFlows({ type: 'resourceUnreachable', resourceId })
    const { asks, verdict } = this.#siteAsks.unreachable(resourceId, why.now)
    for (const { ask } of asks) this.#outputs.push({ type: 'siteAnswered', ask, verdict })
  }

  #askSite(question: SiteAsk, now: Instant): void {
    const { ask, message, protocol } = question
    const { verdict, server, wanted } = this.#siteAsks.route(
      question,
      {
        isDenied: (id) => this.#resources.isDenied(id),
        gatewayOf: (id) => this.#gateways.get(this.#resources.gatewayOf(id) ?? ''),
      },
      now,
    )
    if (verdict !== undefined) this.#outputs.push({ type: 'siteAnswered', ask, verdict })
    if (server !== undefined) this.#outputs.push({ type: 'askGateway', ask, server, message, protocol })
    for (const resourceId of wanted) this.#tellFlows({ type: 'accessWanted', resourceId, cause: 'question' })
  }

  #tellFlows(input: ClientFlowsInput): void {
    this.#outputs.push({ type: 'flowsTold', input })
  }

  #note(note: Note | undefined): void {
    if (note !== undefined) this.#outputs.push(note)
  }
}
