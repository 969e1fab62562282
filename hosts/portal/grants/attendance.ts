import { okReply, type Frame } from '../../../core/control/frame.ts'
import { FEATURES } from '../../../core/control/messages.ts'
import { after, SECOND, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import { capital, obstacleText } from '../decide/obstacle-text.ts'
import type { ClientPaths } from '../decide/client-paths.ts'
import type { Presence } from '../decide/presence.ts'
import type { View } from '../decide/view.ts'
import type { Account, Gateway } from '../store/entities.ts'
import { unixSeconds } from '../wire/wire-grant.ts'
import { clientInterface, flowLogs, gatewayInterface } from '../wire/wire-interface.ts'
import type { Absences } from './absences.ts'
import { instantAt, type Agenda } from './agenda.ts'
import type { BlockedGateways } from './blocked-gateways.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import { faultOf, hasOtherKey } from './connection-standing.ts'
import {
  isClient,
  isGateway,
  openConnection,
  type ClientConnection,
  type Connection,
  type GatewayConnection,
  type AdmittedPeer,
} from './connections.ts'
import type { GatewayGrants } from './gateway-grants.ts'
import type { GatewayUpdates } from './gateway-updates.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { Grants } from './grants.ts'
import { Newcomers } from './newcomers.ts'
import type { RelayOffers } from './relay-offers.ts'
import type { LostGateways } from './lost-gateways.ts'
import type { Requests } from './requests.ts'
import type { ResourceUpdates } from './resource-updates.ts'
import type { SaidFacts } from './said-facts.ts'
import { placeAfter, type Whereabouts } from './whereabouts.ts'
import type { Withdrawals } from './withdrawals.ts'

export interface AttendanceNeeds {
  view: View
  presence: Presence
  peers: ConnectedPeers
  whereabouts: Whereabouts
  clientPaths: Pick<ClientPaths, 'left'>
  grants: Grants
  agenda: Agenda
  unixAt: (now: Instant) => UnixTime
  /** URL at which peers reach the portal, without a slash at the end. */
  publicUrl: string
  /** Parts of the machine that react when peers join and leave. */
  withdrawals: Withdrawals
  keeper: GrantKeeper
  gatewayGrants: GatewayGrants
  gatewayUpdates: GatewayUpdates
  absences: Absences
  relayOffers: Pick<RelayOffers, 'initial'>
  lostGateways: LostGateways
  blockedGateways: Pick<BlockedGateways, 'joined' | 'left'>
  requests: Requests
  saidFacts: Pick<SaidFacts, 'wanted'>
  resourceUpdates: ResourceUpdates
}

/** Silence after which a peer counts as gone; its heartbeats come every 10 s. */
const IDLE_TIMEOUT_MS = 37 * SECOND
/** Time within which a connection must join: peers do so at once, and expect the answer within 5 s. */
const JOIN_TIMEOUT_MS = 10 * SECOND

/**
 * Expiry (Unix seconds) sent in a gateway's `init` for grants that do not expire: the message has no null here, so
 * 2100-01-01.
 */
const NEVER = 4_102_444_800

/**
 * Reason for closing the connection of a peer whose row is gone: without an answer it would wait; when it reconnects,
 * its connect says what is wrong.
 */
const UNKNOWN = 'its row is gone'

/** Handles how peers connect, join and leave: admits them, sends their first messages, and disconnects them. */
export class Attendance {
  readonly #needs: AttendanceNeeds
  readonly #newcomers = new Newcomers()

  constructor(needs: AttendanceNeeds) {
    this.#needs = needs
  }

  /** Handles a new connection, whose peer has not joined yet. */
  connected(peer: AdmittedPeer, now: Instant): void {
    const connection = openConnection(peer, now)
    this.#needs.peers.add(connection)
    this.#watchIdle(connection, now)
    const older = this.#newcomers.add(connection)
    if (older !== undefined) this.#needs.peers.close(older, 'too many connections that did not join')
    this.#needs.agenda.add(after(now, JOIN_TIMEOUT_MS), 'nobody joined', () => {
      if (this.#newcomers.has(connection)) this.#needs.peers.close(connection, 'nobody joined')
    })
  }

  /** Answers a join: admits the peer and sends its `init`, or signs it out. */
  join(connection: Connection, frame: Pick<Frame, 'topic' | 'ref'>, now: Instant): void {
    const fault = faultOf(connection, this.#needs.view, this.#needs.unixAt(now))
    if (fault !== undefined) return this.signOut(connection, now)
    if (hasOtherKey(connection, this.#needs.view)) return this.supersede(connection, now)
    this.#newcomers.remove(connection)
    if (isClient(connection)) return this.#joinClient(connection, frame, now)
    if (isGateway(connection)) this.#joinGateway(connection, frame, now)
  }

  /**
   * Records the features that a client announces, which it does only after its `init`, and sends the parts of its
   * configuration that depend on them.
   */
  learnFeatures(connection: ClientConnection, features: readonly string[]): void {
    const { view } = this.#needs
    const client = view.get('clients', connection.peerId)
    const account = client === undefined ? undefined : view.get('accounts', client.accountId)
    const known = connection.features
    connection.features = new Set(features)
    if (client === undefined || account === undefined) return
    const parts = { client, account, actor: view.get('actors', client.actorId), facts: this.#needs.saidFacts.wanted }
    const changed = clientInterface(parts, connection.features)
    if (JSON.stringify(changed) === JSON.stringify(clientInterface(parts, known))) return
    this.#needs.peers.tell(connection, { event: 'configChanged', payload: { interface: changed } })
  }

  /**
   * Disconnects a peer that may no longer be served, for example because its token expired: the peer has to sign in
   * again, or stop.
   */
  signOut(connection: Connection, now: Instant): void {
    const cause = faultOf(connection, this.#needs.view, this.#needs.unixAt(now)) ?? 'token_expired'
    const why = connection.features.has(FEATURES.endReasons) ? { cause, detail: capital(obstacleText(cause)) } : {}
    // Released peers understand only this reason, whatever the real cause is.
    const payload = { reason: 'token_expired', ...why }
    this.#needs.peers.tellFrame(connection, { topic: connection.role, event: 'disconnect', payload, ref: null })
    this.#left(connection, now)
    this.#needs.peers.close(connection, cause)
  }

  /**
   * Closes the connection of a peer whose row got another public key from another process of the same peer: nobody
   * could establish a tunnel with this one. It may reconnect with its own key.
   */
  supersede(connection: Connection, now: Instant): void {
    this.#left(connection, now)
    this.#needs.peers.close(connection, 'another process of the same peer')
  }

  /**
   * Gives up a gateway that has connected to another process of this portal, which is then responsible for its grants.
   */
  gatewayElsewhere(gatewayId: string, now: Instant): void {
    const connection = this.#needs.peers.gateway(gatewayId)
    if (connection !== undefined) this.supersede(connection, now)
    this.#needs.lostGateways.relieved(gatewayId)
    this.#needs.gatewayGrants.release(gatewayId)
  }

  disconnected(name: string, now: Instant): void {
    const connection = this.#needs.peers.get(name)
    if (connection === undefined) return
    this.#needs.peers.remove(name)
    this.#newcomers.remove(connection)
    const isLost = isGateway(connection) && connection.isJoined && !connection.isClosing
    this.#left(connection, now)
    if (isLost) this.#needs.lostGateways.ended(connection.peerId, now)
  }

  #joinClient(connection: ClientConnection, { topic, ref }: Pick<Frame, 'topic' | 'ref'>, now: Instant): void {
    const { view, presence, whereabouts, publicUrl } = this.#needs
    const client = view.get('clients', connection.peerId)
    const account = client === undefined ? undefined : view.get('accounts', client.accountId)
    if (client === undefined || account === undefined) return this.#needs.peers.close(connection, UNKNOWN)
    if (!this.#takeSeat(connection, presence.clientConnection(client.id), now)) return
    this.#needs.peers.reply(connection, okReply(topic, ref))
    presence.clientJoined(client.id, connection.connection)
    connection.isJoined = true
    this.#needs.absences.returned(client.id)
    whereabouts.set(client.id, placeAfter(whereabouts.get(client.id), connection, this.#needs.unixAt(now)))
    this.#needs.peers.tell(connection, {
      event: 'init',
      payload: {
        interface: clientInterface(
          { client, account, actor: view.get('actors', client.actorId), facts: this.#needs.saidFacts.wanted },
          connection.features,
        ),
        resources: this.#needs.resourceUpdates.all(connection),
        relays: this.#needs.relayOffers.initial(connection, now),
        authorizations: [],
        flow_logs: flowLogs(publicUrl),
      },
    })
    this.#watchToken(connection, now)
    // The client may have another address than before, so conditions may give another verdict.
    for (const grant of this.#needs.grants.ofClient(client.id)) this.#needs.keeper.reexamine(grant, now)
  }

  #joinGateway(connection: GatewayConnection, { topic, ref }: Pick<Frame, 'topic' | 'ref'>, now: Instant): void {
    const { view, presence } = this.#needs
    const gateway = view.get('gateways', connection.peerId)
    const account = gateway === undefined ? undefined : view.get('accounts', gateway.accountId)
    if (gateway === undefined || account === undefined) return this.#needs.peers.close(connection, UNKNOWN)
    if (!this.#takeSeat(connection, presence.gatewayConnection(gateway.id), now)) return
    // Before the `init`, which lists the grants that the gateway may keep.
    if (presence.gateway(gateway.id) === undefined) this.#needs.gatewayGrants.adopt(gateway.id, now)
    if (this.#needs.keeper.isJudging(gateway.id)) return this.#joinOnceJudged(connection, { topic, ref })
    this.#needs.absences.gatewayAdopted(gateway.id, now)
    const { id, siteId, name } = gateway
    const { version, product, transport, remoteIp } = connection
    const present = { id, siteId, name, version, product, transport, remoteIp, since: this.#needs.unixAt(now) }
    presence.gatewayJoined(present, connection.connection)
    this.#needs.blockedGateways.joined(present)
    this.#needs.lostGateways.returned(id)
    this.#needs.peers.reply(connection, okReply(topic, ref))
    connection.isJoined = true
    this.#initialize(connection, { gateway, account }, now)
    this.#needs.gatewayUpdates.tellResources(gateway.id)
    this.#needs.withdrawals.gatewayJoined(gateway.id)
    this.#watchToken(connection, now)
    this.#needs.requests.gatewayJoined(present, now)
  }

  /** Sends a gateway that has joined its `init` again, with other addresses or ranges than it was told. */
  renumber(connection: GatewayConnection, account: Account, now: Instant): void {
    const gateway = this.#needs.view.get('gateways', connection.peerId)
    if (gateway !== undefined) this.#initialize(connection, { gateway, account }, now)
  }

  #initialize(
    connection: GatewayConnection,
    { gateway, account }: { gateway: Gateway; account: Account },
    now: Instant,
  ): void {
    const { grants, publicUrl } = this.#needs
    this.#needs.peers.tell(connection, {
      event: 'init',
      payload: {
        interface: gatewayInterface(gateway, account),
        relays: this.#needs.relayOffers.initial(connection, now),
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
  }

  /** Lets a gateway join when isolated plugins have answered about its grants, or failed to in their time. */
  #joinOnceJudged(connection: GatewayConnection, frame: Pick<Frame, 'topic' | 'ref'>): void {
    this.#needs.keeper.onceJudged(connection.peerId, (then) => {
      const isThere = this.#needs.peers.get(connection.connection) === connection
      if (isThere && !connection.isJoined) this.join(connection, frame, then)
    })
  }

  /**
   * Replaces a connection of the same peer that did not answer when this one was admitted. If another connection has
   * joined since, closes this one and returns false; when its peer reconnects, the portal checks whether the other one
   * answers.
   */
  #takeSeat(connection: Connection, seated: string | undefined, now: Instant): boolean {
    if (seated === undefined || seated === connection.connection) return true
    const older = this.#needs.peers.get(seated)
    if (seated !== connection.replaces || older === undefined) {
      this.#needs.peers.close(connection, 'another connection of the same peer was there first')
      return false
    }
    this.#left(older, now)
    this.#needs.peers.close(older, 'newer connection of the same peer')
    return true
  }

  /** Removes a peer from presence; its socket may still be open. */
  #left(connection: Connection, now: Instant): void {
    if (!connection.isJoined) return
    connection.isJoined = false
    const { connection: name, role, peerId } = connection
    this.#needs.presence.left(peerId, name)
    this.#needs.clientPaths.left(peerId, name)
    if (role === 'client') {
      this.#needs.absences.left(peerId, now)
      return this.#needs.requests.clientLeft(name, now)
    }
    this.#needs.blockedGateways.left(peerId, now)
    this.#needs.withdrawals.gatewayLeft(peerId)
    this.#needs.requests.gatewayLeft(peerId, now)
  }

  #watchIdle(connection: Connection, now: Instant): void {
    const end = after(connection.lastHeardAt, IDLE_TIMEOUT_MS)
    if (end <= now) return this.#needs.peers.close(connection, 'idle')
    this.#needs.agenda.add(end, 'idle cut-off', (then) => {
      if (this.#needs.peers.get(connection.connection) === connection) this.#watchIdle(connection, then)
    })
  }

  #watchToken(connection: Connection, now: Instant): void {
    const expiresAt = this.#needs.view.get('tokens', connection.tokenId)?.expiresAt
    if (expiresAt === undefined || expiresAt === null) return
    this.#needs.agenda.add(instantAt(expiresAt, { now, unixNow: this.#needs.unixAt(now) }), 'token expires', (then) => {
      if (this.#needs.peers.get(connection.connection) !== connection || !connection.isJoined) return
      if (faultOf(connection, this.#needs.view, this.#needs.unixAt(then)) !== undefined) this.signOut(connection, then)
      else this.#watchToken(connection, then)
    })
  }
}
