import { readMessage } from '../../../core/control/events.ts'
import {
  decodeFrame,
  errorReply,
  MAX_FRAME_TO_PORTAL_CHARACTERS,
  okReply,
  type Frame,
} from '../../../core/control/frame.ts'
import { FEATURES, type ToPortal } from '../../../core/control/messages.ts'
import { matchPattern, normalizeName } from '../../../core/dns/pattern.ts'
import { visibleCharacters } from '../../../core/plugin/visible-characters.ts'
import { SECOND, unixTime, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import type { ReportedPath } from '../../../core/control/client-messages.ts'
import type { PathToClient } from '../../../core/control/gateway-messages.ts'
import type { PathFields } from '../../../core/control/reported-path.ts'
import type { ClientPath, ClientPaths } from '../decide/client-paths.ts'
import { LOAD_INTERVAL_MS } from '../decide/candidate-facts.ts'
import type { Presence } from '../decide/presence.ts'
import { problemsOf } from '../decide/site-gateways.ts'
import type { View } from '../decide/view.ts'
import type { AccessRequest } from './access-request.ts'
import type { Attendance } from './attendance.ts'
import type { BlockedGateways } from './blocked-gateways.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import { isClient, isGateway, type ClientConnection, type Connection, type GatewayConnection } from './connections.ts'
import type { IceCandidates } from './ice-candidates.ts'
import type { NameTroubles } from './name-troubles.ts'
import type { Drop } from './portal-output.ts'
import type { RelayOffers } from './relay-offers.ts'
import type { Requests } from './requests.ts'
import type { StunOffers } from './stun-offers.ts'
import type { SaidFacts } from './said-facts.ts'
import type { Withdrawals } from './withdrawals.ts'

export interface PeerFramesNeeds {
  view: View
  presence: Pick<Presence, 'loadReported' | 'problemsReported' | 'rangesHeeded'>
  peers: ConnectedPeers
  attendance: Attendance
  requests: Requests
  withdrawals: Withdrawals
  blockedGateways: Pick<BlockedGateways, 'reported'>
  candidates: IceCandidates
  nameTroubles: NameTroubles
  clientPaths: Pick<ClientPaths, 'reportedByClient' | 'reportedByGateway'>
  stunOffers: StunOffers
  relayOffers: RelayOffers
  saidFacts: Pick<SaidFacts, 'hear'>
  unixAt: (now: Instant) => UnixTime
  drop: Drop
}

/** Parses frames from clients and gateways, and passes each message to the part of the machine that handles it. */
export class PeerFrames {
  readonly #needs: PeerFramesNeeds

  constructor(needs: PeerFramesNeeds) {
    this.#needs = needs
  }

  /** Handles one frame of a connection. */
  received({ connection: name, text }: { connection: string; text: string }, now: Instant): void {
    const { peers, drop } = this.#needs
    const connection = peers.get(name)
    if (connection === undefined) return drop('unknown-connection')
    connection.lastHeardAt = now
    if (!connection.allowance.take(now)) return drop('too-many-messages')
    const decoded = decodeFrame(text, MAX_FRAME_TO_PORTAL_CHARACTERS)
    if (!decoded.ok) return drop(decoded.reason)
    this.#frame(connection, decoded.frame, now)
  }

  #frame(connection: Connection, frame: Frame, now: Instant): void {
    const { topic, event, ref } = frame
    if (topic === 'phoenix' && event === 'heartbeat') return this.#needs.peers.reply(connection, okReply(topic, ref))
    if (topic !== connection.role) return this.#needs.peers.reply(connection, errorReply(topic, ref, 'unmatched topic'))
    if (event === 'phx_join') {
      // A repeated join costs more than other frames, as it is answered with the whole `init`.
      if (connection.isJoined && !connection.allowance.take(now, JOIN_COST)) return this.#needs.drop('too-many-joins')
      return this.#needs.attendance.join(connection, frame, now)
    }
    if (!connection.isJoined) return this.#needs.peers.reply(connection, errorReply(topic, ref, 'unmatched topic'))
    const kind = { direction: 'toPortal', dialect: connection.dialect } as const
    const verdict =
      connection.role === 'client'
        ? readMessage({ role: 'client', ...kind }, event, frame.payload)
        : readMessage({ role: 'gateway', ...kind }, event, frame.payload)
    if (!verdict.ok) {
      this.#needs.drop(verdict.reason)
      const reason = verdict.reason === 'unknown-event' ? 'unknown_message' : 'invalid_payload'
      return this.#needs.peers.reply(connection, errorReply(topic, ref, reason))
    }
    if (isClient(connection)) return this.#client(connection, verdict.message as ToPortal<'client'>, now)
    if (isGateway(connection)) this.#gateway(connection, verdict.message as ToPortal<'gateway'>, now)
  }

  #client(connection: ClientConnection, message: ToPortal<'client'>, now: Instant): void {
    switch (message.event) {
      case 'requestAuthorization': {
        const wish = message.payload
        this.#noteRoundTrips(connection, wish.round_trips, now)
        connection.unreachableGateways = new Set(wish.unreachable_gateway_ids?.map((id) => id.toLowerCase()))
        connection.askedAt = now
        return this.#needs.requests.ask(connection, { ...wish, resource_id: wish.resource_id.toLowerCase() }, now)
      }
      case 'newGatewayIceCandidates':
        return this.#needs.candidates.fromClient(connection.peerId, 'iceCandidates', message.payload)
      case 'invalidateGatewayIceCandidates':
        return this.#needs.candidates.fromClient(connection.peerId, 'invalidateIceCandidates', message.payload)
      case 'broadcastIceCandidates':
        return this.#needs.candidates.broadcastFromClient(connection.peerId, 'iceCandidates', message.payload)
      case 'broadcastInvalidatedIceCandidates':
        return this.#needs.candidates.broadcastFromClient(connection.peerId, 'invalidateIceCandidates', message.payload)
      case 'clientFacts':
        return this.#needs.saidFacts.hear(connection, message.payload.facts, now)
      case 'clientPaths':
        return this.#notePaths(connection, message.payload.paths, now)
      case 'noRelays':
        this.#needs.relayOffers.requested(connection, now)
        return
      case 'setCapabilities':
        this.#needs.attendance.learnFeatures(connection, message.payload.features)
        if (connection.features.has(FEATURES.pathReports)) {
          this.#needs.peers.tell(connection, { event: 'reportPaths', payload: { interval_ms: PATHS_INTERVAL_MS } })
        }
        this.#needs.stunOffers.learned(connection)
        return this.#needs.relayOffers.learned(connection, now)
      case 'requestDeviceAccess':
      case 'setSnownetCapabilities':
    }
  }

  #gateway(connection: GatewayConnection, message: ToPortal<'gateway'>, now: Instant): void {
    switch (message.event) {
      case 'authorizationCreated':
        return this.#needs.requests.acknowledged(connection.peerId, message.payload.ref, now)
      case 'nameFindings':
        return this.#noteName(connection, message.payload, now)
      case 'accessRejected':
        return this.#needs.withdrawals.acknowledged(connection.peerId, message.payload.ref)
      case 'broadcastIceCandidates':
        return this.#needs.candidates.fromGateway(connection.peerId, 'iceCandidates', message.payload)
      case 'broadcastInvalidatedIceCandidates':
        return this.#needs.candidates.fromGateway(connection.peerId, 'invalidateIceCandidates', message.payload)
      case 'noRelays':
        // A gateway that has no relay has dropped what it was asked.
        if (this.#needs.relayOffers.requested(connection, now)) this.#needs.requests.askAgain(connection.peerId, now)
        return
      case 'gatewayPaths':
        return this.#notePathsToClients(connection, message.payload.paths, now)
      case 'gatewayLoad': {
        const { processor_share: processorShare, bytes_per_second: bytesPerSecond } = message.payload
        const at = this.#needs.unixAt(now)
        return this.#needs.presence.loadReported(connection.peerId, { processorShare, bytesPerSecond, at })
      }
      case 'hostProblems': {
        const problems = message.payload.problems.map(({ code, said }) => ({ code, said: visibleCharacters(said) }))
        const free = this.#needs.presence.problemsReported(connection.peerId, problems)
        this.#needs.blockedGateways.reported(connection.peerId, problems.length > 0, now)
        return free === undefined ? undefined : this.#needs.requests.gatewayJoined(free, now)
      }
      case 'setCapabilities':
        connection.features = new Set(message.payload.features)
        if (connection.features.has(FEATURES.hostProblems)) {
          this.#needs.peers.tell(connection, { event: 'reportProblems', payload: {} })
        }
        if (connection.features.has(FEATURES.pathReports)) {
          this.#needs.peers.tell(connection, { event: 'reportPaths', payload: { interval_ms: PATHS_INTERVAL_MS } })
        }
        if (connection.features.has(FEATURES.loadReports)) {
          this.#needs.peers.tell(connection, { event: 'reportLoad', payload: { interval_ms: LOAD_INTERVAL_MS } })
        }
        this.#needs.stunOffers.learned(connection)
        this.#needs.relayOffers.learned(connection, now)
        return this.#learnRanges(connection, now)
      case 'setSnownetCapabilities':
    }
  }

  /** Has a gateway chosen that heeds the account's ranges, which it says only once it has joined. */
  #learnRanges({ peerId, features }: GatewayConnection, now: Instant): void {
    if (!features.has(FEATURES.addressRanges)) return
    const present = this.#needs.presence.rangesHeeded(peerId)
    if (present !== undefined && problemsOf(present, this.#needs.view).length === 0)
      this.#needs.requests.gatewayJoined(present, now)
  }

  #noteRoundTrips(connection: ClientConnection, measured: RoundTrips, now: Instant): void {
    if (measured === undefined || !connection.features.has(FEATURES.roundTrips)) return
    const at = this.#needs.unixAt(now)
    connection.roundTrips = new Map(
      measured.map(({ gateway_id, ms, age_ms }) => [
        gateway_id.toLowerCase(),
        { milliseconds: ms, at: unixTime(at - age_ms) },
      ]),
    )
  }

  /** Notes a client's paths to gateways of its account. */
  #notePaths(connection: ClientConnection, reported: readonly ReportedPath[], now: Instant): void {
    const { view, clientPaths, unixAt, drop } = this.#needs
    const { peerId: clientId, connection: name } = connection
    const accountId = view.get('clients', clientId)?.accountId
    const at = unixAt(now)
    const paths = new Map<string, ClientPath>()
    for (const { gateway_id, ...said } of reported) {
      const gatewayId = gateway_id.toLowerCase()
      if (view.get('gateways', gatewayId)?.accountId !== accountId) drop('path-not-its')
      else paths.set(gatewayId, readPath(said, { gatewayId, reportedBy: 'client', at }))
    }
    clientPaths.reportedByClient({ clientId, connection: name }, [...paths.values()])
  }

  /** Notes a gateway's paths to clients of its account. */
  #notePathsToClients(connection: GatewayConnection, reported: readonly PathToClient[], now: Instant): void {
    const { view, clientPaths, unixAt, drop } = this.#needs
    const { peerId: gatewayId, connection: name } = connection
    const accountId = view.get('gateways', gatewayId)?.accountId
    const at = unixAt(now)
    const paths = new Map<string, ClientPath | undefined>()
    for (const { client_id, ...said } of reported) {
      const clientId = client_id.toLowerCase()
      if (view.get('clients', clientId)?.accountId !== accountId) drop('path-not-its')
      // A client that is away has no path; one that is there and reaches no gateway says so itself.
      else
        paths.set(clientId, said.kind === 'none' ? undefined : readPath(said, { gatewayId, reportedBy: 'gateway', at }))
    }
    clientPaths.reportedByGateway({ gatewayId, connection: name }, paths)
  }

  /** Stores a gateway's report about a name, if the name belongs to a resource of the gateway's site. */
  #noteName(
    { peerId: gatewayId }: Connection,
    { resource_id, domain, ipv4, ipv6 }: Extract<ToPortal<'gateway'>, { event: 'nameFindings' }>['payload'],
    now: Instant,
  ): void {
    const view = this.#needs.view
    const resource = view.get('resources', resource_id.toLowerCase())
    const gateway = view.get('gateways', gatewayId)
    const name = normalizeName(domain)
    const isIts = resource?.siteId === gateway?.siteId && resource?.accountId === gateway?.accountId
    if (resource?.type !== 'dns' || !isIts || !matchPattern(resource.address ?? '', name)) {
      return this.#needs.drop('name-not-its')
    }
    this.#needs.nameTroubles.put({
      gatewayId,
      resourceId: resource.id,
      domain: name,
      found: { ipv4, ipv6 },
      at: this.#needs.unixAt(now),
    })
  }
}

type RoundTrips = AccessRequest['wish']['round_trips']

/** Interval at which clients look whether their paths have changed. */
const PATHS_INTERVAL_MS = 30 * SECOND

/** Cost of a repeated join, in frames that a peer may send: allows about one a second, and ten at once. */
const JOIN_COST = 48

const readPath = (
  { kind, relay, why, ms, lost, of }: PathFields,
  about: Pick<ClientPath, 'gatewayId' | 'reportedBy' | 'at'>,
): ClientPath => ({
  ...about,
  kind,
  relay: relay === undefined ? undefined : visibleCharacters(relay),
  why,
  roundTripMs: ms,
  loss: lost === undefined || of === undefined ? undefined : { lost: Math.min(lost, of), of },
})
