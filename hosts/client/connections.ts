import type { FromPortal, ToPortal } from '../../core/control/messages.ts'
import { keyFromBase64 } from '../../core/crypto/text-encoding.ts'
import type { TransportTrouble } from '../../core/ice/guarded-tunnel.ts'
import type { CandidateChange } from '../../core/ice/local-candidates.ts'
import {
  PeerPaths,
  type PeerPathsInput,
  type PeerPathsOptions,
  type PeerPathsOutput,
} from '../../core/ice/peer-paths.ts'
import type { PathSearch } from '../../core/ice/path-search.ts'
import { HeldMachines, type Tell } from '../../core/runtime/held-machines.ts'
import { earliest, type Deadline, type Machine } from '../../core/runtime/machine.ts'
import { OutputQueue } from '../../core/runtime/output-queue.ts'
import type { TunnelPath } from '../../core/runtime/path.ts'
import { after, SECOND, type Instant } from '../../core/runtime/time.ts'
import type { PathsKnown } from '../peer/peer-path.ts'
import { GatewayTable, type KnownGateway } from './gateway-table.ts'

export type ConnectionsInput =
  | { type: 'granted'; grant: Grant }
  /** No gateway serves this resource from here on. */
  | { type: 'resourceWithdrawn'; resourceId: string; reason: string }
  /** The gateway has announced that it leaves. */
  | { type: 'gatewayLeft'; gatewayId: string }
  | { type: 'portalLost'; reason: string }
  | Exclude<PeerPathsInput, { type: 'peerAdded' | 'peerRemoved' }>

/** Message of the portal that grants a gateway for a resource. */
export type Grant = Extract<FromPortal<'client'>, { event: 'authorizationCreated' }>['payload']

export type ConnectionsOutput =
  | Exclude<PeerPathsOutput, PathEvent | { type: 'candidatesChanged' | 'noneRelays' }>
  | { type: 'say'; message: ToPortal<'client'> }
  /** The gateway was granted for the resource; there may be no path to it yet. */
  | { type: 'granted'; resourceId: string; gateway: KnownGateway }
  /** Packets for the resource may be sent to this gateway: there is a path to it, with a session. */
  | { type: 'connected'; resourceId: string; gateway: KnownGateway }
  /** Packets to the gateway take another path from here on; `before` is the earlier one, if any. */
  | { type: 'pathTaken'; gateway: KnownGateway; before: TunnelPath | undefined }
  /** The gateway cannot be used, temporarily or finally; its resources need another. */
  | {
      type: 'disconnected'
      gateway: KnownGateway
      resourceIds: readonly string[]
      reason: string
      how: Ending
      /** Whether the portal has lost the gateway, too. */
      isGone?: boolean
      /** Search for a path that has failed. */
      search?: PathSearch | undefined
    }

/** Event about the path to a gateway. */
type PathEvent = Extract<PeerPathsOutput, { type: 'pathChosen' | 'pathLost' | 'peerFailed' | 'sessionEstablished' }>

interface Loss {
  reason: string
  how: Ending
  isGone?: boolean
  search?: PathSearch | undefined
}

/**
 * How a connection to a gateway ended. `ended`: on purpose; `lost`: the gateway stopped answering; `failed`: no path
 * was found.
 */
export type Ending = 'ended' | 'lost' | 'failed'

/**
 * Time to find a path to a gateway after this machine has moved, before another gateway is requested; more than the 2 s
 * of H7.
 */
const SEARCH_MS = 3 * SECOND

/** Time within which the path to a gateway is lost that the portal has lost before. */
const GONE_MS = 3 * SECOND

/** Connections to the gateways that serve this client: their resources, tunnels and paths, and failover. */
export class Connections implements Machine<ConnectionsInput, ConnectionsOutput> {
  readonly gateways = new GatewayTable((id) => this.#paths.tunnels.roundTrip(id))
  readonly #paths: PeerPaths
  readonly #held = new HeldMachines()
  readonly #tellPaths: Tell<PeerPathsInput>
  #isMoving = false
  /** Addresses of this machine's links, and those with a default route. */
  #network = ''
  readonly #outputs = new OutputQueue<ConnectionsOutput>()

  constructor(options: Omit<PeerPathsOptions, 'role'>) {
    this.#paths = new PeerPaths({ role: 'controlling', ...options })
    this.#tellPaths = this.#held.hold(this.#paths, (output, now) => this.#onPaths(output, now))
  }

  /** Problem of the transport plugin; undefined while it works. */
  get trouble(): TransportTrouble | undefined {
    return this.#paths.tunnels.trouble
  }

  /** Paths to gateways, for people. */
  get paths(): PathsKnown {
    return this.#paths.tunnels
  }

  /** Endpoints at which this client can be reached, and how they are known. */
  get reach(): PeerPaths['reach'] {
    return this.#paths.reach
  }

  /** Candidates of this client, as text. */
  get candidates(): readonly string[] {
    return this.#paths.lines
  }

  counters(): Readonly<Record<string, number>> {
    return this.#paths.counters()
  }

  handle(input: ConnectionsInput, now: Instant): void {
    switch (input.type) {
      case 'granted':
        return this.#connect(input.grant, now)
      case 'resourceWithdrawn':
        for (const idle of this.gateways.withdraw(input.resourceId)) this.#close(idle, input.reason, now)
        return
      case 'gatewayLeft': {
        const gateway = this.gateways.get(input.gatewayId)
        if (gateway !== undefined) this.#close(gateway, 'gateway-left', now)
        return
      }
      case 'portalLost':
        for (const gateway of this.gateways.all()) this.#close(gateway, input.reason, now)
        return
      case 'addressesChanged':
        return this.#move(input, now)
      case 'peerDoubted': {
        const gateway = this.gateways.get(input.peer)
        if (gateway !== undefined) gateway.goneAt = now
        return this.#tellPaths(input, now)
      }
      default:
        return this.#tellPaths(input, now)
    }
  }

  wake(now: Instant): void {
    this.#held.wake(now)
    for (const gateway of this.gateways.all()) {
      if (gateway.soughtUntil !== undefined && gateway.soughtUntil <= now) this.#lose(gateway, now)
    }
  }

  poll(): ConnectionsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    const sought = this.gateways
      .all()
      .map(({ soughtUntil: at }) => (at === undefined ? undefined : { at, reason: 'a gateway is not found from here' }))
    return earliest(this.#held.deadline(), ...sought)
  }

  #connect(created: Grant, now: Instant): void {
    const { resource_id: resourceId, gateway_id: id, gateway_ipv4: ipv4, gateway_ipv6: ipv6 } = created
    const publicKey = keyFromBase64(created.gateway_public_key)
    const presharedKey = keyFromBase64(created.preshared_key)
    if (publicKey === undefined || presharedKey === undefined) return
    for (const idle of this.gateways.withdraw(resourceId, id)) this.#close(idle, 'replaced', now)
    const known = this.gateways.get(id)
    // A gateway with another key has restarted and lost its earlier grants.
    if (known !== undefined && known.publicKey !== created.gateway_public_key)
      this.#close(known, 'gateway-restarted', now)
    const gateway = this.gateways.put({
      id,
      name: created.gateway_name,
      hasSiteRecords: created.site_records === true,
      publicKey: created.gateway_public_key,
      ipv4,
      ipv6,
    })
    gateway.resourceIds.add(resourceId)
    this.#tellPaths(
      {
        type: 'peerAdded',
        peer: id,
        publicKey,
        presharedKey,
        local: created.client_ice_credentials,
        remote: created.gateway_ice_credentials,
      },
      now,
    )
    // The transport has refused the gateway, which has been reported.
    if (this.gateways.get(id) !== gateway) return
    // If the same gateway is granted again, the flows are told again, as they may have dropped the grant.
    gateway.connectedResourceIds.delete(resourceId)
    gateway.lostAt = undefined
    gateway.isResting = false
    this.#outputs.push({ type: 'granted', resourceId, gateway })
    this.#tellConnected(gateway)
    // Last, as packets may go by now. The gateway may have forgotten a client that still knows it.
    this.#say({ event: 'newGatewayIceCandidates', payload: { gateway_id: id, candidates: this.#paths.lines } })
  }

  #move(input: Extract<ConnectionsInput, { type: 'addressesChanged' }>, now: Instant): void {
    const network = JSON.stringify([input.offered?.links ?? input.addresses, input.uplinks])
    if (network !== this.#network) {
      this.#network = network
      // A gateway that was not reached from the network of before may be reached from this one.
      this.gateways.forgetDead()
    }
    this.#isMoving = true
    this.#tellPaths(input, now)
    this.#isMoving = false
  }

  /** Reports the gateway's resources as connected once there is a path to it with a session. */
  #tellConnected(gateway: KnownGateway): void {
    if (gateway.path === undefined || gateway.handshakeAt === undefined) return
    for (const resourceId of gateway.resourceIds) {
      if (gateway.connectedResourceIds.has(resourceId)) continue
      gateway.connectedResourceIds.add(resourceId)
      this.#outputs.push({ type: 'connected', resourceId, gateway })
    }
  }

  #close(
    gateway: KnownGateway,
    reason: string,
    now: Instant,
    { how = 'ended', search }: { how?: Ending; search?: PathSearch | undefined } = {},
  ): void {
    this.gateways.remove(gateway.id)
    this.#tellPaths({ type: 'peerRemoved', peer: gateway.id }, now)
    this.#disconnect(gateway, { reason, how, search })
  }

  /** Closes the connection to a gateway, or to all if `peer` is undefined, because the transport fails. */
  #closeAll(peer: string | undefined, now: Instant): void {
    for (const gateway of this.gateways.all()) {
      if (peer === undefined || gateway.id === peer) this.#close(gateway, 'transport-failing', now, { how: 'failed' })
    }
  }

  #disconnect(gateway: KnownGateway, why: Loss): void {
    gateway.connectedResourceIds.clear()
    this.#outputs.push({ type: 'disconnected', gateway, resourceIds: [...gateway.resourceIds], ...why })
  }

  #onPaths(output: PeerPathsOutput, now: Instant): void {
    switch (output.type) {
      case 'candidatesChanged':
        return this.#tellCandidates(output)
      case 'noneRelays':
        return this.#say({ event: 'noRelays', payload: {} })
      case 'transportFaulted':
        this.#outputs.push(output)
        if (output.isFailing && this.trouble?.stillCarries === false) this.#closeAll(output.peer, now)
        return
      case 'pathChosen':
      case 'pathLost':
      case 'peerFailed':
      case 'sessionEstablished':
        return this.#onEvent(output, now)
      default:
        this.#outputs.push(output)
    }
  }

  #onEvent(output: PathEvent, now: Instant): void {
    const gateway = this.gateways.get(output.peer)
    if (gateway === undefined) return
    switch (output.type) {
      case 'pathChosen': {
        const before = gateway.path
        gateway.path = output.path
        gateway.soughtUntil = undefined
        this.gateways.foundAlive(gateway.id)
        gateway.lostAt = undefined
        gateway.isResting = false
        if (before !== output.path) this.#outputs.push({ type: 'pathTaken', gateway, before })
        // The gateway may be reached again before another has taken over.
        return this.#tellConnected(gateway)
      }
      case 'pathLost':
        gateway.path = undefined
        // If this machine has moved, the gateway is likely to be reached again soon, and it knows the flows (H7).
        if (this.#isMoving) gateway.soughtUntil = after(now, SEARCH_MS)
        else this.#lose(gateway, now)
        return
      case 'peerFailed': {
        this.gateways.foundDead(gateway.id, now)
        const { reason, tried } = output
        const search = tried && { tried, stun: this.#paths.reach.stun }
        if (reason === 'path-lost') return this.#rest(gateway, { reason, how: 'failed', search }, now)
        return this.#close(gateway, reason, now, { how: 'failed', search })
      }
      case 'sessionEstablished':
        gateway.handshakeAt = now
        return this.#tellConnected(gateway)
    }
  }

  /** Ends the attempts to reach a gateway that was reached, and goes on listening for it: it may only be away. */
  #rest(gateway: KnownGateway, why: Loss, now: Instant): void {
    gateway.soughtUntil = undefined
    gateway.lostAt ??= now
    gateway.isResting = true
    this.#disconnect(gateway, why)
  }

  /**
   * Marks a gateway as lost, so that its resources request another; if it is reached again first, it serves them again.
   */
  #lose(gateway: KnownGateway, now: Instant): void {
    gateway.soughtUntil = undefined
    gateway.lostAt = now
    this.gateways.foundDead(gateway.id, now)
    const isGone = gateway.goneAt !== undefined && now < after(gateway.goneAt, GONE_MS)
    this.#disconnect(gateway, { reason: 'gateway-unreachable', how: 'lost', isGone })
  }

  #tellCandidates({ added, removed }: CandidateChange): void {
    for (const { id: gateway_id } of this.gateways.all()) {
      if (removed.length > 0) {
        this.#say({ event: 'invalidateGatewayIceCandidates', payload: { gateway_id, candidates: [...removed] } })
      }
      if (added.length > 0) {
        this.#say({ event: 'newGatewayIceCandidates', payload: { gateway_id, candidates: [...added] } })
      }
    }
  }

  #say(message: ToPortal<'client'>): void {
    this.#outputs.push({ type: 'say', message })
  }
}
