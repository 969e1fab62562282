import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Facts } from '../../../core/contract/facts.ts'
import type { FactSource, FactTable } from '../../../core/contract/fact-source.ts'
import type { GatewaySelector } from '../../../core/contract/gateway-selector.ts'
import type { PolicyCondition } from '../../../core/contract/policy-condition.ts'
import type { Coordinates, RelayProvider } from '../../../core/contract/relay-provider.ts'
import type { Extensions } from '../../../core/contract/extension-point.ts'
import type { AskIsolated } from '../../../core/plugin/isolated-question.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import { drive, type Driven } from '../../../core/runtime/drive.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { unixOf, unixTime } from '../../../core/runtime/time.ts'
import type { Rate } from '../../../core/runtime/token-bucket.ts'
import { ContestLog } from './contest-log.ts'
import { ControlEndpoint } from './endpoint.ts'
import type { ClientPaths } from '../decide/client-paths.ts'
import type { PresentRelay } from '../decide/relay-choice.ts'
import { GatewayChecks } from './gateway-checks.ts'
import { heardDecisions, type HeardDecisions } from '../explain/heard-decisions.ts'
import { checkedTable } from '../../../core/plugin/checked-snapshot.ts'
import { FactRefresh } from '../../../core/plugin/fact-refresh.ts'
import { PeerRows } from './peer-rows.ts'
import type { Authorization, Change, EntityName } from '../store/entities.ts'
import { DEFAULT_LIMITS, type Limits } from '../grants/limits.ts'
import { derivedKey } from '../identity/secret-key.ts'
import type { GatewayMachine } from '../decide/presence.ts'
import { PortalState, type PortalInput, type PortalOutput } from '../grants/state.ts'
import type { Store } from '../store/store.ts'
import type { Tokens } from '../identity/tokens.ts'
import type { ClientAddress } from '../origin/client-address.ts'

export interface PortalShellOptions {
  store: Store
  tokens: Tokens
  clock: Clock
  random: Random
  logger: Logger
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
  /** Asks conditions and selectors that run in threads of their own; absent if there are none. */
  askIsolated?: AskIsolated
  clientAddress: ClientAddress
  /** Base URL at which peers reach the portal, without a slash at the end. */
  publicUrl: string
  /** The portal's secret key, 32 bytes. */
  key: Uint8Array
  /** Limits on peers and grants; the configuration's defaults if absent. */
  limits?: Limits
  /** Rate limit of connects per IP address; 50 a second with a burst of 200 by default. */
  connectLimit?: Rate
}

/**
 * Runs the portal's machine: feeds it peers' frames and database changes, carries out its outputs, and stores its
 * decisions.
 */
export class PortalShell implements Startable {
  readonly #store: Store
  readonly #tokens: Tokens
  readonly #limits: Limits
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #machine: PortalState
  readonly #facts: FactRefresh<FactTable>
  readonly #lookers = new Set<(peerId: string) => void>()
  readonly #askIsolated: AskIsolated
  readonly #endpoint: ControlEndpoint
  readonly #gatewayChecks: GatewayChecks
  readonly #writing = new Set<Promise<unknown>>()
  #driven: Driven<PortalInput> | undefined
  #unsubscribe: (() => void) | undefined

  constructor(options: PortalShellOptions) {
    const { store, clock, random, logger, key, limits = DEFAULT_LIMITS } = options
    this.#store = store
    this.#tokens = options.tokens
    this.#limits = limits
    this.#clock = clock
    this.#logger = logger
    this.#askIsolated = options.askIsolated ?? (() => Promise.resolve([]))
    this.#machine = new PortalState({
      ...options,
      // Rounded, because rows and wire have whole milliseconds.
      unixAt: (now) => unixTime(Math.floor(unixOf(now, clock.pair()))),
      refKey: derivedKey(key, 'control-references'),
      ingestKey: derivedKey(key, 'flow-log-ingest'),
    })
    this.#facts = new FactRefresh({
      sources: new Map([...(options.factSources ?? [])].filter(([, { brings }]) => brings?.fact.from !== 'client')),
      clock,
      logger,
      keysOf: (name) => this.#machine.askedKeys(name),
      check: checkedTable,
      learned: ({ fact: { name } }, table) => this.#driven?.dispatch({ type: 'factsLearned', name, table }),
    })
    this.#gatewayChecks = new GatewayChecks({
      clock,
      random,
      answered: (gatewayId) => this.#driven?.dispatch({ type: 'gatewayAnswered', gatewayId }),
    })
    const contests = new ContestLog({ clock, logger })
    this.#endpoint = new ControlEndpoint({
      ...options,
      rows: new PeerRows({
        store,
        clock,
        random,
        limits,
        logger,
        census: this.#machine.census,
        view: this.#machine.view,
      }),
      connectLimit: options.connectLimit ?? { perSecond: 50, burst: 200 },
      prepare: (accountId) => this.#adopt(accountId),
      seated: (id) => this.#machine.seated(id, clock.now()),
      onContested: (contest) => contests.add(contest),
      onConnected: (peer) => {
        const { role, dialect, peerId: id, userAgent } = peer
        logger.info({ role, dialect, id, userAgent }, 'a peer connected')
        this.#driven?.dispatch({ type: 'peerConnected', ...peer })
      },
      onFrame: (connection, text) => this.#driven?.dispatch({ type: 'frameReceived', connection, text }),
      onDisconnected: (connection) => this.#driven?.dispatch({ type: 'peerDisconnected', connection }),
    })
  }

  /** Handles a WebSocket upgrade of an HTTP server, after `start`. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    return this.#endpoint.upgrade(request, socket, head)
  }

  async start(): Promise<void> {
    // Changes that arrive while the rows are being read are applied after them.
    const early: PortalInput[] = []
    const listener: { take: (input: PortalInput) => void } = { take: (input) => early.push(input) }
    this.#unsubscribe = this.#store.subscribe({
      changed: (changes) => listener.take({ type: 'changed', changes }),
      reloaded: (all) => listener.take({ type: 'viewReloaded', rows: all }),
    })
    const rows = await this.#store.load()
    if (!this.#store.isShared) this.#tokens.lookUpIn((name, id) => this.#machine.view.get(name, id))
    const driven = drive(this.#machine, { clock: this.#clock, perform: (output) => this.#perform(output) })
    this.#driven = driven
    listener.take = driven.dispatch
    for (const input of [{ type: 'viewLoaded' as const, rows }, ...early]) driven.dispatch(input)
    await this.#facts.start()
  }

  /** Ends all connections and waits for pending writes. */
  async stop(): Promise<void> {
    this.#facts.stop()
    this.#unsubscribe?.()
    this.#driven?.stop()
    this.#gatewayChecks.stop()
    this.#endpoint.closeAll()
    await Promise.allSettled(this.#writing)
  }

  /** Explanations of what the portal would decide, for the API and for pages. */
  get decisions(): HeardDecisions {
    return heardDecisions(this.#machine.knowledge, { now: () => this.#clock.now(), ask: this.#askIsolated })
  }

  /** Tells peers of changed endpoints of the STUN server. */
  offerStun(servers: readonly Endpoint[]): void {
    this.#driven?.dispatch({ type: 'stunServersChanged', servers })
  }

  /** Offers peers the relays that answer, and tells those of whose relays one is gone. */
  offerRelays(relays: readonly PresentRelay[]): void {
    this.#driven?.dispatch({ type: 'relaysChanged', relays })
  }

  /** Paths of clients, as they report them. */
  get paths(): Pick<ClientPaths, 'ofClient' | 'onGateway' | 'counts'> {
    return this.#machine.paths
  }

  /** Calls back when a peer comes or leaves, or a gateway reports other problems. Returns a function that ends that. */
  onPresence(look: (peerId: string) => void): () => void {
    this.#lookers.add(look)
    return () => this.#lookers.delete(look)
  }

  /** Whether a client or gateway is connected. */
  isConnected(id: string): boolean {
    return this.#machine.census.isConnected(id)
  }

  /** Returns what is known of a connected gateway's machine; undefined if the gateway is not connected. */
  machineOf(gatewayId: string): GatewayMachine | undefined {
    return this.#machine.census.machineOf(gatewayId)
  }

  /** Returns the ids of all connected clients and gateways, of all accounts. */
  connectedIds(): readonly string[] {
    return this.#machine.census.connectedIds()
  }

  /** The machine's counters, for metrics. */
  get machine(): Pick<PortalState, 'counts' | 'counters' | 'gatewayProblems' | 'timesAskedForRelays'> {
    return this.#machine
  }

  /** Limits in force, by their names in the configuration. */
  get limits(): Readonly<Record<string, number>> {
    const { placeMs: _place, absenceMs: _absence, ...limits } = this.#limits
    return limits
  }

  /** Number of connections closed because the peer did not read. */
  get cutOff(): number {
    return this.#endpoint.cutOff
  }

  /** Returns the number of refused connects by code. */
  refusals(): Readonly<Record<string, number>> {
    return this.#endpoint.refusals()
  }

  /**
   * Loads an account's rows when its first peer connects: if `portal init` made the account beside this process, the
   * machine does not know it yet.
   */
  async #adopt(accountId: string): Promise<void> {
    if (this.#machine.view.get('accounts', accountId) !== undefined) return
    const rows = await this.#store.load()
    const changes = (Object.keys(rows) as EntityName[]).flatMap((entity) =>
      rows[entity]
        .filter((row) => ('accountId' in row ? row.accountId : row.id) === accountId)
        .map((row) => ({ entity, accountId, id: row.id, after: row }) as Change),
    )
    this.#driven?.dispatch({ type: 'changed', changes })
  }

  #perform(output: PortalOutput): void {
    switch (output.type) {
      case 'sendText':
        return this.#endpoint.send(output.connection, output.text)
      case 'closeConnection':
        this.#logger.debug({ connection: output.connection, reason: output.reason }, 'closing a connection')
        return this.#endpoint.close(output.connection, output.reason)
      case 'refreshFact':
        return this.#facts.refresh(output.name)
      case 'askIsolated':
        void this.#askIsolated(output.questions).then((answers) =>
          this.#driven?.dispatch({ type: 'isolatedAnswered', id: output.id, answers }),
        )
        return
      case 'recordAuthorization':
        return this.#recordAuthorization(output.authorization)
      case 'removeAuthorization': {
        const { accountId, authorizationId } = output
        const scope = { accountId, by: { type: 'system', part: 'policy' } as const }
        return this.#write(
          this.#store.transact(scope, (tx) => tx.remove('authorizations', authorizationId)),
          'removing an authorization failed',
        )
      }
      case 'checkGateway':
        return this.#gatewayChecks.send(output.gatewayId, output.checks)
      case 'presenceChanged':
        for (const look of this.#lookers) look(output.peerId)
        return
      case 'recordDecision':
        return this.#write(
          this.#store.recordDecision(output.accountId, output.decision),
          'writing down a decision failed',
        )
    }
  }

  #recordAuthorization(authorization: Authorization): void {
    const { accountId, id, policyId, clientId, gatewayId, resourceId, tokenId, membershipId, expiresAt, decision } =
      authorization
    const remoteIp = decision?.facts[Facts.client.address.name]?.value
    const from = typeof remoteIp === 'string' ? { tokenId, remoteIp } : { tokenId }
    const scope = { accountId, by: { type: 'client', clientId, ...from } as const }
    const draft = { id, policyId, clientId, gatewayId, resourceId, tokenId, membershipId, expiresAt, decision }
    const written = this.#store
      .transact(scope, (tx) => tx.insert('authorizations', draft))
      .then(() => this.#driven?.dispatch({ type: 'authorizationRecorded', authorizationId: id }))
    this.#write(written, 'writing down an authorization failed', () => {
      this.#driven?.dispatch({ type: 'authorizationNotRecorded', authorizationId: id })
    })
  }

  #write(work: Promise<unknown>, message: string, onFailure: () => void = () => undefined): void {
    const settled = work.catch((error: unknown) => {
      this.#logger.warn({ error }, message)
      onFailure()
    })
    this.#writing.add(settled)
    void settled.finally(() => this.#writing.delete(settled))
  }
}
