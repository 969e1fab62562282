import type { GatewaySelector } from '../../../core/contract/gateway-selector.ts'
import type { PolicyCondition } from '../../../core/contract/policy-condition.ts'
import { readMessage } from '../../../core/control/events.ts'
import { decodeFrame, errorReply, MAX_FRAME_TO_PORTAL, okReply, type Frame } from '../../../core/control/frame.ts'
import type { ToPortal } from '../../../core/control/messages.ts'
import { matchPattern, normalizeName } from '../../../core/dns/pattern.ts'
import type { Extensions } from '../../../core/plugin/extension-point.ts'
import { Presence } from '../../../core/presence/presence.ts'
import { Counters } from '../../../core/runtime/counters.ts'
import type { Deadline, Machine } from '../../../core/runtime/machine.ts'
import { OutputQueue } from '../../../core/runtime/output-queue.ts'
import type { Random } from '../../../core/runtime/random.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import { Absences } from './absences.ts'
import { Agenda } from './agenda.ts'
import { Attendance } from './attendance.ts'
import { Candidates } from './candidates.ts'
import { isClient, isGateway, maySpeak, type Connection, type PeerConnected } from './connections.ts'
import { Consequences } from './consequences.ts'
import { reply, tell, type Context, type PortalOutput } from './context.ts'
import { decisionsOf, type Decisions } from '../explain/decisions.ts'
import { seatedConnection, type SeatedConnection } from './seated.ts'
import type { Census } from '../channel/device-room.ts'
import { GrantKeeper } from './grant-keeper.ts'
import { Grants } from './grants.ts'
import { NameTroubles } from './name-troubles.ts'
import { Requests } from './requests.ts'
import { ResourceNews } from './resource-news.ts'
import { Withdrawals } from './withdrawals.ts'
import type { Change, Rows } from '../store/entities.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { missedChanges } from './missed-changes.ts'
import { View } from '../decide/view.ts'

export type { PortalOutput } from './context.ts'
export type { PeerConnected } from './connections.ts'

export interface PortalOptions {
  conditions: Extensions<PolicyCondition>
  selectors: Extensions<GatewaySelector>
  random: Random
  unixAt: (now: Instant) => UnixTime
  publicUrl: string
  /** The configuration's defaults, if not given. */
  limits?: Limits
  /** Signs what peers hand back. */
  refKey: Uint8Array
  /** Signs flow logs' ingest tokens. */
  ingestKey: Uint8Array
}

export type PortalInput =
  | { type: 'viewLoaded'; rows: Rows }
  | { type: 'changed'; changes: readonly Change[] }
  /** Changes were missed, and nobody knows which: all rows as they are. */
  | { type: 'viewReloaded'; rows: Rows }
  | ({ type: 'peerConnected' } & PeerConnected)
  | { type: 'peerDisconnected'; connection: string }
  | { type: 'frameReceived'; connection: string; text: string }
  | { type: 'authorizationNotRecorded'; authorizationId: string }

/**
 * What a portal decides about its peers: who is there, what each is told, and who may pass through whom until when.
 *
 * `viewLoaded` comes first. A connection exists from `peerConnected` to `peerDisconnected`, which also follows
 * `closeConnection`. Changes take effect as they are handed in, before anything that a peer says afterwards.
 */
export class PortalState implements Machine<PortalInput, PortalOutput> {
  readonly #context: Context
  readonly #withdrawals: Withdrawals
  readonly #keeper: GrantKeeper
  readonly #requests: Requests
  readonly #candidates: Candidates
  readonly #attendance: Attendance
  readonly #consequences: Consequences
  readonly #outputs = new OutputQueue<PortalOutput>()
  readonly #counters = new Counters()

  constructor(options: PortalOptions) {
    this.#context = {
      ...options,
      limits: options.limits ?? DEFAULT_LIMITS,
      view: new View(options.conditions),
      presence: new Presence(),
      grants: new Grants(),
      agenda: new Agenda(),
      connections: new Map(),
      whereabouts: new Map(),
      nameTroubles: new NameTroubles(),
      emit: (output) => this.#outputs.push(output),
      drop: (reason) => this.#counters.count(reason),
    }
    this.#withdrawals = new Withdrawals(this.#context)
    this.#keeper = new GrantKeeper(this.#context, this.#withdrawals)
    this.#requests = new Requests(this.#context, this.#keeper)
    this.#candidates = new Candidates(this.#context)
    const parts = {
      withdrawals: this.#withdrawals,
      keeper: this.#keeper,
      requests: this.#requests,
      absences: new Absences(this.#context, this.#keeper),
      news: new ResourceNews(this.#context),
    }
    this.#attendance = new Attendance(this.#context, parts)
    this.#consequences = new Consequences(this.#context, {
      ...parts,
      signOut: (connection, now) => this.#attendance.signOut(connection, now),
      supersede: (connection, now) => this.#attendance.supersede(connection, now),
    })
  }

  handle(input: PortalInput, now: Instant): void {
    switch (input.type) {
      case 'viewLoaded':
        this.#context.view.load(input.rows)
        return this.#keeper.restore(input.rows.authorizations, now)
      case 'changed':
        // Of this process's own changes it is known what was before.
        this.#releaseGateways(
          input.changes.filter(({ before }) => before === undefined),
          now,
        )
        return this.#consequences.follow(
          input.changes.map((change) => this.#withBefore(change)),
          now,
        )
      case 'viewReloaded': {
        const changes = missedChanges(this.#context, input.rows, now)
        this.#releaseGateways(changes, now)
        this.#consequences.follow(changes, now)
        return this.#keeper.restoreAll(input.rows.authorizations)
      }
      case 'peerConnected':
        return this.#attendance.connected(input, now)
      case 'peerDisconnected':
        return this.#attendance.disconnected(input.connection, now)
      case 'frameReceived':
        return this.#received(input, now)
      case 'authorizationNotRecorded': {
        const grant = this.#context.grants.get(input.authorizationId)
        this.#keeper.rowChanged(input.authorizationId, undefined)
        if (grant !== undefined) this.#keeper.withdraw(grant, { reason: 'not_recorded' }, now)
      }
    }
  }

  wake(now: Instant): void {
    this.#context.agenda.run(now)
  }

  poll(): PortalOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#context.agenda.deadline()
  }

  /** The connection by which a client or gateway is here; undefined where it is not. */
  seated(peerId: string, now: Instant): SeatedConnection | undefined {
    return seatedConnection(this.#context, peerId, now)
  }

  /** Who is there and what is under way. */
  counts(): Readonly<Record<'clients' | 'gateways' | 'grants' | 'requests' | 'withdrawals', number>> {
    return {
      ...this.#context.presence.counts(),
      grants: this.#context.grants.size,
      requests: this.#requests.size,
      withdrawals: this.#withdrawals.size,
    }
  }

  /** Reasons and how often something was dropped for them. */
  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  /** Whether a client or gateway is connected. */
  isConnected(id: string): boolean {
    const { presence } = this.#context
    return presence.clientConnection(id) !== undefined || presence.gatewayConnection(id) !== undefined
  }

  /** What would become of requests that nobody made, at moments that `now` tells. */
  decisions(now: () => Instant): Decisions {
    return decisionsOf(this.#context, now)
  }

  /** How many devices and gateways there are. */
  get census(): Census {
    const { view } = this.#context
    return {
      devicesOf: (actorId) => view.clientsOf(actorId).size,
      devicesIn: (accountId) => view.clientsIn(accountId).size,
      gatewaysOf: (siteId) => view.gatewaysOf(siteId).size,
      isConnected: (id) => this.isConnected(id),
    }
  }

  /** The rows, as of the last change handed in. */
  get view(): Pick<View, 'get'> {
    return this.#context.view
  }

  /** Of another process's changes the rows as they were are known here only: what hung on them has to go as well. */
  #withBefore(change: Change): Change {
    if (change.before !== undefined) return change
    const before = this.#context.view.get(change.entity, change.id)
    return before === undefined ? change : ({ ...change, before } as Change)
  }

  /** Gateways that another process has let in since are that one's. */
  #releaseGateways(changes: readonly Change[], now: Instant): void {
    for (const { entity, id, after } of changes) {
      if (entity !== 'gateways' || after === undefined) continue
      const known = this.#context.view.get('gateways', id)
      if (known !== undefined && known.lastSeenAt !== after.lastSeenAt) this.#attendance.gatewayElsewhere(id, now)
    }
  }

  #received({ connection: name, text }: { connection: string; text: string }, now: Instant): void {
    const connection = this.#context.connections.get(name)
    if (connection === undefined) return this.#context.drop('unknown_connection')
    connection.lastHeardAt = now
    if (!maySpeak(connection, now)) return this.#context.drop('too_many_messages')
    const decoded = decodeFrame(text, MAX_FRAME_TO_PORTAL)
    if (!decoded.ok) return this.#context.drop(decoded.reason)
    this.#frame(connection, decoded.frame, now)
  }

  #frame(connection: Connection, frame: Frame, now: Instant): void {
    const { topic, event, ref } = frame
    if (topic === 'phoenix' && event === 'heartbeat') return reply(this.#context, connection, okReply(topic, ref))
    if (topic !== connection.role) return reply(this.#context, connection, errorReply(topic, ref, 'unmatched topic'))
    if (event === 'phx_join') {
      // Each is answered with all that there is.
      if (connection.isJoined && !maySpeak(connection, now, JOIN_COST)) return this.#context.drop('too_many_joins')
      return this.#attendance.join(connection, frame, now)
    }
    if (!connection.isJoined) return reply(this.#context, connection, errorReply(topic, ref, 'unmatched topic'))
    const lane = { direction: 'toPortal', dialect: connection.dialect } as const
    const verdict =
      connection.role === 'client'
        ? readMessage({ role: 'client', ...lane }, event, frame.payload)
        : readMessage({ role: 'gateway', ...lane }, event, frame.payload)
    if (!verdict.ok) {
      this.#context.drop(verdict.reason)
      const reason = verdict.reason === 'unknown_event' ? 'unknown_message' : verdict.reason
      return reply(this.#context, connection, errorReply(topic, ref, reason))
    }
    if (isClient(connection)) return this.#client(connection, verdict.message as ToPortal<'client'>, now)
    if (isGateway(connection)) this.#gateway(connection, verdict.message as ToPortal<'gateway'>, now)
  }

  #client(connection: Connection & { role: 'client' }, message: ToPortal<'client'>, now: Instant): void {
    switch (message.event) {
      case 'requestAuthorization': {
        const wish = message.payload
        return this.#requests.ask(connection, { ...wish, resource_id: wish.resource_id.toLowerCase() }, now)
      }
      case 'newGatewayIceCandidates':
        return this.#candidates.fromClient(connection.peerId, 'iceCandidates', message.payload)
      case 'invalidateGatewayIceCandidates':
        return this.#candidates.fromClient(connection.peerId, 'invalidateIceCandidates', message.payload)
      case 'noRelays':
        return tell(this.#context, connection, NO_RELAYS)
      case 'setCapabilities':
        return this.#attendance.learnFeatures(connection, message.payload.features)
      case 'setSnownetCapabilities':
    }
  }

  #gateway(connection: Connection & { role: 'gateway' }, message: ToPortal<'gateway'>, now: Instant): void {
    switch (message.event) {
      case 'authorizationCreated':
        return this.#requests.acknowledged(connection.peerId, message.payload.ref, now)
      case 'nameFindings':
        return this.#noteName(connection, message.payload, now)
      case 'accessRejected':
        return this.#withdrawals.acknowledged(connection.peerId, message.payload.ref)
      case 'broadcastIceCandidates':
        return this.#candidates.fromGateway(connection.peerId, 'iceCandidates', message.payload)
      case 'broadcastInvalidatedIceCandidates':
        return this.#candidates.fromGateway(connection.peerId, 'invalidateIceCandidates', message.payload)
      case 'noRelays':
        return tell(this.#context, connection, NO_RELAYS)
      case 'setCapabilities':
        connection.features = new Set(message.payload.features)
        return
      case 'setSnownetCapabilities':
    }
  }

  /** A gateway speaks for resources of its own site only. */
  #noteName(
    { peerId: gatewayId }: Connection,
    { resource_id, domain, ipv4, ipv6 }: Extract<ToPortal<'gateway'>, { event: 'nameFindings' }>['payload'],
    now: Instant,
  ): void {
    const { view, nameTroubles, unixAt, drop } = this.#context
    const resource = view.get('resources', resource_id.toLowerCase())
    const gateway = view.get('gateways', gatewayId)
    const name = normalizeName(domain)
    const isIts = resource?.siteId === gateway?.siteId && resource?.accountId === gateway?.accountId
    if (resource?.type !== 'dns' || !isIts || !matchPattern(resource.address ?? '', name)) return drop('name_not_its')
    nameTroubles.put({ gatewayId, resourceId: resource.id, domain: name, found: { ipv4, ipv6 }, at: unixAt(now) })
  }
}

/** What a join counts for among what a peer may say: about one a second, and ten at once. */
const JOIN_COST = 48

/** There are no relays yet: Portreeve's own peers do without. */
const NO_RELAYS = { event: 'relaysPresence' as const, payload: { disconnected_ids: [], connected: [] } }
