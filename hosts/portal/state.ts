import type { GatewaySelector } from '../../core/contract/gateway-selector.ts'
import type { PolicyCondition } from '../../core/contract/policy-condition.ts'
import { readMessage } from '../../core/control/events.ts'
import { decodeFrame, errorReply, MAX_FRAME_TO_PORTAL, okReply, type Frame } from '../../core/control/frame.ts'
import type { ToPortal } from '../../core/control/messages.ts'
import type { Extensions } from '../../core/plugin/extension-point.ts'
import { Presence } from '../../core/presence/presence.ts'
import type { Deadline, Machine } from '../../core/runtime/machine.ts'
import type { Random } from '../../core/runtime/random.ts'
import { after, SECOND, type Instant, type UnixTime } from '../../core/runtime/time.ts'
import { Agenda } from './control/agenda.ts'
import { Candidates } from './control/candidates.ts'
import {
  isClient,
  isGateway,
  maySpeak,
  openConnection,
  type Connection,
  type PeerConnected,
} from './control/connections.ts'
import { Consequences, faultOf } from './control/consequences.ts'
import { instantAt, tell, tellFrame, type Context, type PortalOutput } from './control/context.ts'
import { decisionsOf, type Decisions } from './control/decisions.ts'
import { isSeatTaken, predecessorOf } from './control/gateway-seat.ts'
import { GrantKeeper } from './control/grant-keeper.ts'
import { Grants } from './control/grants.ts'
import { Requests } from './control/requests.ts'
import { ResourceNews } from './control/resource-news.ts'
import { unixSeconds } from './control/wire-grant.ts'
import { clientInterface, flowLogs } from './control/wire-interface.ts'
import { Withdrawals } from './control/withdrawals.ts'
import type { Change, Rows } from './entities.ts'
import { missedChanges } from './view/missed-changes.ts'
import { View } from './view/view.ts'

export type { PortalOutput } from './control/context.ts'
export type { PeerConnected } from './control/connections.ts'

export interface PortalOptions {
  conditions: Extensions<PolicyCondition>
  selectors: Extensions<GatewaySelector>
  random: Random
  unixAt: (now: Instant) => UnixTime
  publicUrl: string
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

/** A peer that says nothing for so long is gone: its heartbeats come every 10 s. */
const IDLE_CUT_OFF_MS = 37 * SECOND

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
  readonly #news: ResourceNews
  readonly #candidates: Candidates
  readonly #consequences: Consequences
  readonly #outputs: PortalOutput[] = []
  readonly #dropped: Record<string, number> = {}

  constructor(options: PortalOptions) {
    this.#context = {
      ...options,
      view: new View(options.conditions),
      presence: new Presence(),
      grants: new Grants(),
      agenda: new Agenda(),
      connections: new Map(),
      whereabouts: new Map(),
      emit: (output) => this.#outputs.push(output),
      drop: (reason) => {
        this.#dropped[reason] = (this.#dropped[reason] ?? 0) + 1
      },
    }
    this.#withdrawals = new Withdrawals(this.#context)
    this.#keeper = new GrantKeeper(this.#context, this.#withdrawals)
    this.#requests = new Requests(this.#context, this.#keeper)
    this.#news = new ResourceNews(this.#context)
    this.#candidates = new Candidates(this.#context)
    this.#consequences = new Consequences(this.#context, {
      keeper: this.#keeper,
      withdrawals: this.#withdrawals,
      news: this.#news,
      signOut: (connection, now) => this.#signOut(connection, now),
    })
  }

  handle(input: PortalInput, now: Instant): void {
    switch (input.type) {
      case 'viewLoaded':
        this.#context.view.load(input.rows)
        return this.#keeper.restore(input.rows.authorizations, now)
      case 'changed':
        return this.#consequences.follow(
          input.changes.map((change) => this.#withBefore(change)),
          now,
        )
      case 'viewReloaded':
        return this.#consequences.follow(missedChanges(this.#context, input.rows, now), now)
      case 'peerConnected':
        return this.#connected(input, now)
      case 'peerDisconnected':
        return this.#disconnected(input.connection, now)
      case 'frameReceived':
        return this.#received(input, now)
      case 'authorizationNotRecorded': {
        const grant = this.#context.grants.get(input.authorizationId)
        if (grant !== undefined) this.#keeper.withdraw(grant, { reason: 'not_recorded' }, now)
      }
    }
  }

  wake(now: Instant): void {
    this.#context.agenda.run(now)
  }

  poll(): PortalOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Deadline | undefined {
    return this.#context.agenda.deadline()
  }

  /** Whether a second connection of a gateway is to be refused, before its WebSocket is made. */
  isGatewayTaken(gatewayId: string, by: { tokenId: string; publicKey: string }, now: Instant): boolean {
    return isSeatTaken(this.#context, { gatewayId, ...by }, now)
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
    return this.#dropped
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

  #connected(peer: PeerConnected, now: Instant): void {
    const connection = openConnection(peer, now)
    this.#context.connections.set(peer.connection, connection)
    this.#watchIdle(connection, now)
  }

  #watchIdle(connection: Connection, now: Instant): void {
    const end = after(connection.lastHeardAt, IDLE_CUT_OFF_MS)
    if (end <= now) return this.#close(connection, 'idle')
    this.#context.agenda.add(end, 'idle cut-off', (then) => {
      if (this.#context.connections.get(connection.connection) === connection) this.#watchIdle(connection, then)
    })
  }

  #disconnected(name: string, now: Instant): void {
    const connection = this.#context.connections.get(name)
    if (connection === undefined) return
    this.#context.connections.delete(name)
    this.#left(connection, now)
  }

  /** The peer is not there any more, though its socket may be. */
  #left(connection: Connection, now: Instant): void {
    if (!connection.isJoined) return
    connection.isJoined = false
    const { connection: name, role, peerId } = connection
    this.#context.presence.left(peerId, name)
    if (role === 'client') return this.#requests.clientLeft(name, now)
    this.#withdrawals.gatewayLeft(peerId)
    this.#requests.gatewayLeft(peerId, now)
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
    if (topic === 'phoenix' && event === 'heartbeat') return this.#reply(connection, okReply(topic, ref))
    if (topic !== connection.role) return this.#reply(connection, errorReply(topic, ref, 'unmatched topic'))
    if (event === 'phx_join') return this.#join(connection, frame, now)
    if (!connection.isJoined) return this.#reply(connection, errorReply(topic, ref, 'unmatched topic'))
    const lane = { direction: 'toPortal', dialect: connection.dialect } as const
    const verdict =
      connection.role === 'client'
        ? readMessage({ role: 'client', ...lane }, event, frame.payload)
        : readMessage({ role: 'gateway', ...lane }, event, frame.payload)
    if (!verdict.ok) {
      this.#context.drop(verdict.reason)
      const reason = verdict.reason === 'unknown_event' ? 'unknown_message' : verdict.reason
      return this.#reply(connection, errorReply(topic, ref, reason))
    }
    if (isClient(connection)) return this.#client(connection, verdict.message as ToPortal<'client'>, now)
    if (isGateway(connection)) this.#gateway(connection, verdict.message as ToPortal<'gateway'>, now)
  }

  /** A push has no ref, and nobody waits for an answer to it. */
  #reply(connection: Connection, reply: Frame): void {
    if (reply.ref !== null) tellFrame(this.#context, connection, reply)
  }

  #join(connection: Connection, { topic, ref }: Frame, now: Instant): void {
    const fault = faultOf(connection, this.#context, now)
    if (fault !== undefined) return this.#signOut(connection, now)
    if (isClient(connection)) {
      this.#reply(connection, okReply(topic, ref))
      return this.#clientJoined(connection, now)
    }
    if (isGateway(connection)) {
      const { view, presence } = this.#context
      const row = view.get('gateways', connection.peerId)
      if (row === undefined) return
      const { id, siteId, name } = row
      const gateway = { id, siteId, name, version: connection.version }
      const predecessor = predecessorOf(this.#context, connection, now)
      if (predecessor !== undefined) {
        this.#left(predecessor, now)
        this.#close(predecessor, 'newer connection of the same gateway')
      }
      if (!presence.gatewayJoined(gateway, connection.connection).ok) {
        return this.#close(connection, 'gateway_already_connected')
      }
      this.#reply(connection, okReply(topic, ref))
      this.#gatewayJoined(connection, now)
      this.#requests.gatewayJoined(gateway, now)
    }
  }

  #clientJoined(connection: Connection & { role: 'client' }, now: Instant): void {
    const { view, presence, connections, whereabouts, publicUrl } = this.#context
    const client = view.get('clients', connection.peerId)
    const account = client === undefined ? undefined : view.get('accounts', client.accountId)
    if (client === undefined || account === undefined) return
    const verdict = presence.clientJoined(client.id, connection.connection)
    const older = verdict.ok && verdict.replaces !== undefined ? connections.get(verdict.replaces) : undefined
    if (older !== undefined) {
      this.#requests.clientLeft(older.connection, now)
      older.isJoined = false
      this.#close(older, 'newer connection of the same device')
    }
    connection.isJoined = true
    whereabouts.set(client.id, { remoteIp: connection.remoteIp, userAgent: connection.userAgent })
    tell(this.#context, connection, {
      event: 'init',
      payload: {
        interface: clientInterface({ client, account, actor: view.get('actors', client.actorId) }, connection.features),
        resources: this.#news.all(connection),
        relays: [],
        authorizations: [],
        flow_logs: flowLogs(publicUrl),
      },
    })
    this.#watchToken(connection, now)
    // What holds where the client is may be another thing than what held where it was.
    for (const grant of this.#context.grants.ofClient(client.id)) this.#keeper.reexamine(grant, now)
  }

  #gatewayJoined(connection: Connection & { role: 'gateway' }, now: Instant): void {
    const { view, grants, publicUrl } = this.#context
    const gateway = view.get('gateways', connection.peerId)
    const account = gateway === undefined ? undefined : view.get('accounts', gateway.accountId)
    if (gateway === undefined || account === undefined) return
    connection.isJoined = true
    tell(this.#context, connection, {
      event: 'init',
      payload: {
        interface: { ipv4: gateway.ipv4, ipv6: gateway.ipv6 },
        relays: [],
        account_slug: account.slug,
        authorizations: grants
          .ofGateway(gateway.id)
          .filter(({ isAcknowledged }) => isAcknowledged)
          .map(({ row }) => ({
            client_id: row.clientId,
            resource_id: row.resourceId,
            expires_at: unixSeconds(row.expiresAt) ?? NEVER,
          })),
        flow_logs: flowLogs(publicUrl),
        config: { ipv4_masquerade_enabled: true, ipv6_masquerade_enabled: true },
      },
    })
    this.#keeper.tellResources(gateway.id)
    this.#withdrawals.gatewayJoined(gateway.id)
    this.#watchToken(connection, now)
  }

  #watchToken(connection: Connection, now: Instant): void {
    const expiresAt = this.#context.view.get('tokens', connection.tokenId)?.expiresAt
    if (expiresAt === undefined || expiresAt === null) return
    this.#context.agenda.add(instantAt(this.#context, expiresAt, now), 'token expires', (then) => {
      if (this.#context.connections.get(connection.connection) !== connection || !connection.isJoined) return
      if (faultOf(connection, this.#context, then) !== undefined) this.#signOut(connection, then)
      else this.#watchToken(connection, then)
    })
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
        return this.#learnFeatures(connection, message.payload.features)
      case 'setSnownetCapabilities':
    }
  }

  /** Some of what a client is told depends on what it understands, and it says that after it was told the first time. */
  #learnFeatures(connection: Connection & { role: 'client' }, features: readonly string[]): void {
    const { view } = this.#context
    const client = view.get('clients', connection.peerId)
    const account = client === undefined ? undefined : view.get('accounts', client.accountId)
    const known = connection.features
    connection.features = new Set(features)
    if (client === undefined || account === undefined) return
    const parts = { client, account, actor: view.get('actors', client.actorId) }
    const told = clientInterface(parts, connection.features)
    if (JSON.stringify(told) === JSON.stringify(clientInterface(parts, known))) return
    tell(this.#context, connection, { event: 'configChanged', payload: { interface: told } })
  }

  #gateway(connection: Connection & { role: 'gateway' }, message: ToPortal<'gateway'>, now: Instant): void {
    switch (message.event) {
      case 'authorizationCreated':
        return this.#requests.acknowledged(connection.peerId, message.payload.ref, now)
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

  /** Its token is of no use any more: the peer is to sign in again, or to end. */
  #signOut(connection: Connection, now: Instant): void {
    const frame = { topic: connection.role, event: 'disconnect', payload: { reason: 'token_expired' }, ref: null }
    tellFrame(this.#context, connection, frame)
    this.#left(connection, now)
    this.#close(connection, 'token_expired')
  }

  #close({ connection }: Connection, reason: string): void {
    this.#context.emit({ type: 'closeConnection', connection, reason })
  }
}

/** Only `create_authorization` has a word for never; here it is the year 2100. */
const NEVER = 4_102_444_800

/** There are no relays yet: Portreeve's own peers do without. */
const NO_RELAYS = { event: 'relaysPresence' as const, payload: { disconnected_ids: [], connected: [] } }
