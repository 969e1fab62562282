import { okReply, type Frame } from '../../../core/control/frame.ts'
import { FEATURES } from '../../../core/control/messages.ts'
import { after, SECOND, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import { capital, obstacleText } from '../decide/obstacle-text.ts'
import type { Presence } from '../decide/presence.ts'
import type { View } from '../decide/view.ts'
import { unixSeconds } from '../wire/wire-grant.ts'
import { clientInterface, flowLogs } from '../wire/wire-interface.ts'
import type { Absences } from './absences.ts'
import { instantAt, type Agenda } from './agenda.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import { faultOf, hasOtherKey } from './connection-standing.ts'
import {
  isClient,
  isGateway,
  openConnection,
  type ClientConnection,
  type Connection,
  type GatewayConnection,
  type PeerConnected,
} from './connections.ts'
import type { GatewayGrants } from './gateway-grants.ts'
import type { GatewayNews } from './gateway-news.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { Grants } from './grants.ts'
import { Newcomers } from './newcomers.ts'
import type { Requests } from './requests.ts'
import type { ResourceNews } from './resource-news.ts'
import type { Whereabouts } from './whereabouts.ts'
import type { Withdrawals } from './withdrawals.ts'

export interface AttendanceNeeds {
  view: View
  presence: Presence
  peers: ConnectedPeers
  whereabouts: Whereabouts
  grants: Grants
  agenda: Agenda
  unixAt: (now: Instant) => UnixTime
  /** URL by which peers reach the portal, without a slash at the end. */
  publicUrl: string
  /** Parts of the machine that hear of who comes and goes. */
  withdrawals: Withdrawals
  keeper: GrantKeeper
  gatewayGrants: GatewayGrants
  gatewayNews: GatewayNews
  absences: Absences
  requests: Requests
  resourceNews: ResourceNews
}

/** A peer that says nothing for so long is gone: its heartbeats come every 10 s. */
const IDLE_CUT_OFF_MS = 37 * SECOND
/** A peer joins as soon as it has connected, and wants its answer within 5 s. */
const JOIN_WITHIN_MS = 10 * SECOND

/** Only `create_authorization` has a word for never; here it is the year 2100. */
const NEVER = 4_102_444_800

/** A peer that gets no answer would wait for one; closed, it comes back, and its connect says what is the matter. */
const UNKNOWN = 'its row is gone'

/** Who is there: how a peer comes, what it is told first, and how it goes. */
export class Attendance {
  readonly #needs: AttendanceNeeds
  readonly #newcomers = new Newcomers()

  constructor(needs: AttendanceNeeds) {
    this.#needs = needs
  }

  /** A socket is there; nobody has joined yet. */
  connected(peer: PeerConnected, now: Instant): void {
    const connection = openConnection(peer, now)
    this.#needs.peers.add(connection)
    this.#watchIdle(connection, now)
    const older = this.#newcomers.add(connection)
    if (older !== undefined) this.#needs.peers.close(older, 'too many connections that did not join')
    this.#needs.agenda.add(after(now, JOIN_WITHIN_MS), 'nobody joined', () => {
      if (this.#newcomers.has(connection)) this.#needs.peers.close(connection, 'nobody joined')
    })
  }

  /** Answers a join: it is let in and told where it stands, or signed out. */
  join(connection: Connection, frame: Frame, now: Instant): void {
    const fault = faultOf(connection, this.#needs.view, this.#needs.unixAt(now))
    if (fault !== undefined) return this.signOut(connection, now)
    if (hasOtherKey(connection, this.#needs.view)) return this.supersede(connection, now)
    this.#newcomers.remove(connection)
    if (isClient(connection)) return this.#joinClient(connection, frame, now)
    if (isGateway(connection)) this.#joinGateway(connection, frame, now)
  }

  /** Some of what a client is told depends on what it understands, and it says that after it was told the first time. */
  learnFeatures(connection: ClientConnection, features: readonly string[]): void {
    const { view } = this.#needs
    const client = view.get('clients', connection.peerId)
    const account = client === undefined ? undefined : view.get('accounts', client.accountId)
    const known = connection.features
    connection.features = new Set(features)
    if (client === undefined || account === undefined) return
    const parts = { client, account, actor: view.get('actors', client.actorId) }
    const told = clientInterface(parts, connection.features)
    if (JSON.stringify(told) === JSON.stringify(clientInterface(parts, known))) return
    this.#needs.peers.tell(connection, { event: 'configChanged', payload: { interface: told } })
  }

  /** Its token is of no use any more: the peer is to sign in again, or to end. */
  signOut(connection: Connection, now: Instant): void {
    const cause = faultOf(connection, this.#needs.view, this.#needs.unixAt(now)) ?? 'token_expired'
    const why = connection.features.has(FEATURES.endReasons) ? { cause, detail: capital(obstacleText(cause)) } : {}
    // The one reason that released peers understand, whatever it was.
    const payload = { reason: 'token_expired', ...why }
    this.#needs.peers.tellFrame(connection, { topic: connection.role, event: 'disconnect', payload, ref: null })
    this.#left(connection, now)
    this.#needs.peers.close(connection, cause)
  }

  /** Another process of the same peer has registered its key: with this one nobody could make a tunnel. It may come back with its own. */
  supersede(connection: Connection, now: Instant): void {
    this.#left(connection, now)
    this.#needs.peers.close(connection, 'another process of the same peer')
  }

  /** A gateway has connected to another process of this portal: what it is granted is that one's. */
  gatewayElsewhere(gatewayId: string, now: Instant): void {
    const connection = this.#needs.peers.gateway(gatewayId)
    if (connection !== undefined) this.supersede(connection, now)
    this.#needs.gatewayGrants.release(gatewayId)
  }

  disconnected(name: string, now: Instant): void {
    const connection = this.#needs.peers.get(name)
    if (connection === undefined) return
    this.#needs.peers.remove(name)
    this.#newcomers.remove(connection)
    this.#left(connection, now)
  }

  #joinClient(connection: ClientConnection, { topic, ref }: Frame, now: Instant): void {
    const { view, presence, whereabouts, publicUrl } = this.#needs
    const client = view.get('clients', connection.peerId)
    const account = client === undefined ? undefined : view.get('accounts', client.accountId)
    if (client === undefined || account === undefined) return this.#needs.peers.close(connection, UNKNOWN)
    if (!this.#takeSeat(connection, presence.clientConnection(client.id), now)) return
    this.#needs.peers.reply(connection, okReply(topic, ref))
    presence.clientJoined(client.id, connection.connection)
    connection.isJoined = true
    this.#needs.absences.returned(client.id)
    whereabouts.set(client.id, { remoteIp: connection.remoteIp, userAgent: connection.userAgent })
    this.#needs.peers.tell(connection, {
      event: 'init',
      payload: {
        interface: clientInterface({ client, account, actor: view.get('actors', client.actorId) }, connection.features),
        resources: this.#needs.resourceNews.all(connection),
        relays: [],
        authorizations: [],
        flow_logs: flowLogs(publicUrl),
      },
    })
    this.#watchToken(connection, now)
    // What holds where the client is may be another thing than what held where it was.
    for (const grant of this.#needs.grants.ofClient(client.id)) this.#needs.keeper.reexamine(grant, now)
  }

  #joinGateway(connection: GatewayConnection, { topic, ref }: Frame, now: Instant): void {
    const { view, presence, grants, publicUrl } = this.#needs
    const gateway = view.get('gateways', connection.peerId)
    const account = gateway === undefined ? undefined : view.get('accounts', gateway.accountId)
    if (gateway === undefined || account === undefined) return this.#needs.peers.close(connection, UNKNOWN)
    if (!this.#takeSeat(connection, presence.gatewayConnection(gateway.id), now)) return
    // Before it is told what it may keep.
    if (presence.gateway(gateway.id) === undefined) this.#needs.gatewayGrants.adopt(gateway.id, now)
    this.#needs.absences.gatewayAdopted(gateway.id, now)
    const { id, siteId, name } = gateway
    const present = { id, siteId, name, version: connection.version, transport: connection.transport }
    presence.gatewayJoined(present, connection.connection)
    this.#needs.peers.reply(connection, okReply(topic, ref))
    connection.isJoined = true
    this.#needs.peers.tell(connection, {
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
    this.#needs.gatewayNews.tellResources(gateway.id)
    this.#needs.withdrawals.gatewayJoined(gateway.id)
    this.#watchToken(connection, now)
    this.#needs.requests.gatewayJoined(present, now)
  }

  /**
   * Takes the place of a connection that did not answer when this one was let in. Where another one has come in since, this one is closed:
   * when it comes back, its connect says whether that one answers.
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

  /** The peer is not there any more, though its socket may be. */
  #left(connection: Connection, now: Instant): void {
    if (!connection.isJoined) return
    connection.isJoined = false
    const { connection: name, role, peerId } = connection
    this.#needs.presence.left(peerId, name)
    if (role === 'client') {
      this.#needs.absences.left(peerId, now)
      return this.#needs.requests.clientLeft(name, now)
    }
    this.#needs.withdrawals.gatewayLeft(peerId)
    this.#needs.requests.gatewayLeft(peerId, now)
  }

  #watchIdle(connection: Connection, now: Instant): void {
    const end = after(connection.lastHeardAt, IDLE_CUT_OFF_MS)
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
