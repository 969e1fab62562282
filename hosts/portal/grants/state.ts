import type { FactTable, FactSource } from '../../../core/contract/fact-source.ts'
import type { GatewaySelector } from '../../../core/contract/gateway-selector.ts'
import type { PolicyCondition } from '../../../core/contract/policy-condition.ts'
import type { Coordinates, RelayProvider } from '../../../core/contract/relay-provider.ts'
import type { Extensions } from '../../../core/contract/extension-point.ts'
import type { IsolatedAnswer } from '../../../core/plugin/isolated-question.ts'
import { Counters } from '../../../core/runtime/counters.ts'
import type { Deadline, Machine } from '../../../core/runtime/machine.ts'
import { OutputQueue } from '../../../core/runtime/output-queue.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { DAY, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import { BroughtFacts } from '../decide/brought-facts.ts'
import { ClientPaths } from '../decide/client-paths.ts'
import { FactAges } from '../decide/fact-ages.ts'
import { Presence } from '../decide/presence.ts'
import { ProblemCodes } from '../decide/problem-codes.ts'
import type { PresentRelay } from '../decide/relay-choice.ts'
import { View } from '../decide/view.ts'
import type { Change, Rows } from '../store/entities.ts'
import { Absences } from './absences.ts'
import { Agenda } from './agenda.ts'
import { Attendance } from './attendance.ts'
import { censusOf, type Census } from './census.ts'
import { ConnectedPeers } from './connected-peers.ts'
import type { AdmittedPeer } from './connections.ts'
import { BlockedGateways } from './blocked-gateways.ts'
import { Consequences } from './consequences.ts'
import { DenialRecords } from './denial-records.ts'
import { FactNews } from './fact-news.ts'
import { GatewayChoice } from './gateway-choice.ts'
import { GatewayGrants } from './gateway-grants.ts'
import { GatewayUpdates } from './gateway-updates.ts'
import { GrantDrafts } from './grant-drafts.ts'
import { GrantKeeper } from './grant-keeper.ts'
import { GrantLimits } from './grant-limits.ts'
import { Grants } from './grants.ts'
import { Hearings } from './hearings.ts'
import { IceCandidates } from './ice-candidates.ts'
import type { Knowledge } from './knowledge.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { LostGateways } from './lost-gateways.ts'
import { missedChanges } from './missed-changes.ts'
import { NameTroubles } from './name-troubles.ts'
import { PeerFrames } from './peer-frames.ts'
import type { PortalOutput } from './portal-output.ts'
import { RelayOffers } from './relay-offers.ts'
import { RequestAnswers } from './request-answers.ts'
import { Requests } from './requests.ts'
import { ResourceUpdates } from './resource-updates.ts'
import { SaidFacts } from './said-facts.ts'
import { seatedConnection, type SeatedConnection } from './seated.ts'
import { StunOffers } from './stun-offers.ts'
import { ToldCandidates } from './told-candidates.ts'
import type { Whereabouts } from './whereabouts.ts'
import { Withdrawals } from './withdrawals.ts'

export type { PortalOutput } from './portal-output.ts'

export interface PortalOptions {
  conditions: Extensions<PolicyCondition>
  selectors: Extensions<GatewaySelector>
  /** Plugins that bring facts; none by default. */
  factSources?: Extensions<FactSource>
  /** Plugins that name relays; none by default. */
  relayProviders?: Extensions<RelayProvider>
  /** Returns the place of an IP address, if known; by default that of none is. */
  placeOf?: (address: string) => Coordinates | undefined
  /** Lifetime of a peer's credentials at relays in milliseconds; a day by default. */
  relayCredentialsMs?: number
  random: Random
  unixAt: (now: Instant) => UnixTime
  publicUrl: string
  /** Limits on peers and grants; the configuration's defaults if absent. */
  limits?: Limits
  /** Signs references that peers send back. */
  refKey: Uint8Array
  /** Signs ingest tokens of flow logs. */
  ingestKey: Uint8Array
}

export type PortalInput =
  | { type: 'viewLoaded'; rows: Rows }
  | { type: 'changed'; changes: readonly Change[] }
  /** All rows, after an unknown number of changes was missed. */
  | { type: 'viewReloaded'; rows: Rows }
  /** A snapshot of a fact that a plugin brings, checked. */
  | { type: 'factsLearned'; name: string; table: FactTable }
  /** Endpoints of the portal's STUN server; none if it has none. */
  | { type: 'stunServersChanged'; servers: readonly Endpoint[] }
  /** Relays that answer, of all providers. */
  | { type: 'relaysChanged'; relays: readonly PresentRelay[] }
  | ({ type: 'peerConnected' } & AdmittedPeer)
  | { type: 'peerDisconnected'; connection: string }
  | { type: 'frameReceived'; connection: string; text: string }
  /** Answers to the questions of an `askIsolated`, in their order. */
  | { type: 'isolatedAnswered'; id: number; answers: readonly IsolatedAnswer[] }
  /** A gateway that is not connected has answered a check: it is alive. */
  | { type: 'gatewayAnswered'; gatewayId: string }
  /** A `recordAuthorization` has been committed, or has failed. */
  | { type: 'authorizationRecorded'; authorizationId: string }
  | { type: 'authorizationNotRecorded'; authorizationId: string }

/**
 * State machine of a portal's control channel: decides which peers are connected, what each is told, and which client
 * may use which resource through which gateway until when.
 *
 * `viewLoaded` comes first. A connection exists from `peerConnected` to `peerDisconnected`, which also follows
 * `closeConnection`. Changes take effect when they are handed in, before any later frame of a peer.
 */
export class PortalState implements Machine<PortalInput, PortalOutput> {
  readonly #outputs = new OutputQueue<PortalOutput>()
  readonly #counters = new Counters()
  readonly #view: View
  readonly #presence = new Presence((peerId) => this.#outputs.push({ type: 'presenceChanged', peerId }))
  readonly #problemCodes = new ProblemCodes()
  readonly #grants = new Grants()
  readonly #agenda = new Agenda()
  readonly #ages = new FactAges()
  readonly #brought: BroughtFacts
  readonly #factNews: FactNews
  readonly #peers: ConnectedPeers
  readonly #unixAt: (now: Instant) => UnixTime
  readonly #hearings: Hearings
  readonly #withdrawals: Withdrawals
  readonly #keeper: GrantKeeper
  readonly #gatewayGrants: GatewayGrants
  readonly #requests: Requests
  readonly #frames: PeerFrames
  readonly #attendance: Attendance
  readonly #consequences: Consequences
  readonly #stunOffers: StunOffers
  readonly #relayOffers: RelayOffers
  readonly #lostGateways: LostGateways
  /** Paths of clients, as they report them. */
  readonly paths = new ClientPaths()
  /** State that explanations read. */
  readonly knowledge: Knowledge

  constructor(options: PortalOptions) {
    this.#view = new View(options.conditions)
    this.#unixAt = options.unixAt
    const emit = (output: PortalOutput): void => this.#outputs.push(output)
    this.#peers = new ConnectedPeers({ presence: this.#presence, emit })
    this.#brought = new BroughtFacts(options.factSources ?? new Map(), (name) => emit({ type: 'refreshFact', name }))
    const whereabouts: Whereabouts = new Map()
    const shared = {
      ...options,
      limits: options.limits ?? DEFAULT_LIMITS,
      relayProviders: options.relayProviders ?? new Map<string, never>(),
      placeOf: options.placeOf ?? ((): undefined => undefined),
      relayCredentialsMs: options.relayCredentialsMs ?? DAY,
      view: this.#view,
      presence: this.#presence,
      peers: this.#peers,
      grants: this.#grants,
      agenda: this.#agenda,
      whereabouts,
      ages: this.#ages,
      brought: this.#brought,
      clientPaths: this.paths,
      nameTroubles: new NameTroubles(),
      toldCandidates: new ToldCandidates({ grants: this.#grants }),
      emit,
      drop: (reason: string): void => this.#counters.count(reason),
    }
    const relayOffers = new RelayOffers({
      ...shared,
      gatewaySupplied: (gatewayId, now) => this.#requests.askAgain(gatewayId, now),
    })
    this.knowledge = { ...shared, relayOffers }
    const resourceUpdates = new ResourceUpdates(shared)
    const gatewayUpdates = new GatewayUpdates(shared)
    const drafts = new GrantDrafts(shared)
    const withdrawals = new Withdrawals(shared)
    const hearings = new Hearings(shared)
    const keeper = new GrantKeeper({ ...shared, drafts, withdrawals, gatewayUpdates, hearings })
    const saidFacts = new SaidFacts({ ...shared, keeper })
    const gatewayGrants = new GatewayGrants({ ...shared, drafts, keeper, withdrawals, saidFacts })
    const grantLimits = new GrantLimits(shared)
    const gateways = new GatewayChoice({ ...shared, grantLimits })
    const answers = new RequestAnswers({ ...shared, denials: new DenialRecords(shared) })
    const candidates = new IceCandidates(shared)
    const requests = new Requests({ ...shared, drafts, keeper, gateways, grantLimits, answers, hearings, candidates })
    const absences = new Absences({ ...shared, keeper })
    const lostGateways = new LostGateways(shared)
    const blockedGateways = new BlockedGateways({ ...shared, keeper, grantLimits, lostGateways })
    const parts = {
      ...shared,
      lostGateways,
      blockedGateways,
      withdrawals,
      keeper,
      gatewayGrants,
      gatewayUpdates,
      requests,
      saidFacts,
      resourceUpdates,
    }
    const attendance = new Attendance({ ...parts, absences, relayOffers })
    this.#factNews = new FactNews({ ...shared, keeper })
    this.#hearings = hearings
    this.#withdrawals = withdrawals
    this.#keeper = keeper
    this.#gatewayGrants = gatewayGrants
    this.#requests = requests
    this.#attendance = attendance
    this.#lostGateways = lostGateways
    this.#consequences = new Consequences({ ...parts, attendance })
    this.#stunOffers = new StunOffers(shared)
    this.#relayOffers = relayOffers
    this.#frames = new PeerFrames({ ...parts, attendance, candidates, stunOffers: this.#stunOffers, relayOffers })
  }

  handle(input: PortalInput, now: Instant): void {
    this.#take(input, now)
    this.#requests.followEnds(now)
  }

  wake(now: Instant): void {
    while (this.#agenda.runNext(now)) this.#requests.followEnds(now)
  }

  poll(): PortalOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#agenda.deadline()
  }

  /** Returns the present connection of a client or gateway; undefined if it has none. */
  seated(peerId: string, now: Instant): SeatedConnection | undefined {
    return seatedConnection(this.#peers, peerId, now)
  }

  /** Returns the numbers of connected peers, grants, and pending requests and withdrawals. */
  counts(): Readonly<Record<'clients' | 'gateways' | 'grants' | 'requests' | 'withdrawals', number>> {
    return {
      ...this.#presence.counts(),
      grants: this.#grants.size,
      requests: this.#requests.size,
      withdrawals: this.#withdrawals.size,
    }
  }

  /** Returns the number of connected gateways that cannot forward, by the codes of their problems. */
  gatewayProblems(): Readonly<Record<string, number>> {
    return this.#problemCodes.counts(this.#presence.gateways())
  }

  /** Number of times that peers asked for relays because they had none that answers them. */
  get timesAskedForRelays(): number {
    return this.#relayOffers.timesAsked
  }

  /** Returns the number of dropped inputs by reason. */
  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot()
  }

  /** Returns the keys of a brought fact that were asked for. */
  askedKeys(name: string): readonly string[] {
    return this.#brought.askedKeys(name)
  }

  /** Counts of devices and gateways. */
  get census(): Census {
    return censusOf(this.#view, this.#presence)
  }

  /** View of the rows, as of the last change handed in. */
  get view(): Pick<View, 'get' | 'clientsOf'> {
    return this.#view
  }

  #take(input: PortalInput, now: Instant): void {
    switch (input.type) {
      case 'viewLoaded':
        this.#view.load(input.rows)
        this.#ages.loaded(this.#unixAt(now))
        return this.#gatewayGrants.restore(input.rows.authorizations, now)
      case 'changed':
        // Changes without `before` come from other processes.
        this.#releaseGateways(
          input.changes.filter(({ before }) => before === undefined),
          now,
        )
        return this.#consequences.follow(
          input.changes.map((change) => this.#withBefore(change)),
          now,
        )
      case 'viewReloaded': {
        const changes = missedChanges({ view: this.#view, grants: this.#grants }, input.rows, this.#unixAt(now))
        this.#releaseGateways(changes, now)
        this.#consequences.follow(changes, now)
        return this.#gatewayGrants.restoreAll(input.rows.authorizations)
      }
      case 'factsLearned':
        return this.#factNews.learned(input.name, input.table, now)
      case 'stunServersChanged':
        return this.#stunOffers.changed(input.servers)
      case 'relaysChanged':
        return this.#relayOffers.changed(input.relays, now)
      case 'peerConnected':
        return this.#attendance.connected(input, now)
      case 'peerDisconnected':
        return this.#attendance.disconnected(input.connection, now)
      case 'frameReceived':
        return this.#frames.received(input, now)
      case 'isolatedAnswered':
        return this.#hearings.answered(input.id, input.answers, now)
      case 'gatewayAnswered':
        return this.#lostGateways.answered(input.gatewayId)
      case 'authorizationRecorded':
        return this.#requests.recorded(input.authorizationId, now)
      case 'authorizationNotRecorded': {
        const grant = this.#grants.get(input.authorizationId)
        this.#gatewayGrants.rowChanged(input.authorizationId, undefined)
        if (grant !== undefined) this.#keeper.withdraw(grant, { reason: 'not_recorded' }, now)
      }
    }
  }

  /**
   * Adds the previous version of a row to another process's change, from the view, so that everything that depended on
   * it ends too.
   */
  #withBefore(change: Change): Change {
    if (change.before !== undefined) return change
    const before = this.#view.get(change.entity, change.id)
    return before === undefined ? change : ({ ...change, before } as Change)
  }

  /** Gives up gateways that have since connected to another process. */
  #releaseGateways(changes: readonly Change[], now: Instant): void {
    for (const { entity, id, after } of changes) {
      if (entity !== 'gateways' || after === undefined) continue
      const known = this.#view.get('gateways', id)
      if (known !== undefined && known.lastSeenAt !== after.lastSeenAt) this.#attendance.gatewayElsewhere(id, now)
    }
  }
}
