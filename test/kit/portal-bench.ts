import type { Dialect } from '../../core/control/events.ts'
import type { Extensions } from '../../core/contract/extension-point.ts'
import type { FactSource } from '../../core/contract/fact-source.ts'
import type { IsolatedQuestion } from '../../core/plugin/isolated-question.ts'
import type { Coordinates, RelayProvider } from '../../core/contract/relay-provider.ts'
import type { GatewaySelector } from '../../core/contract/gateway-selector.ts'
import { drive, type Driven } from '../../core/runtime/drive.ts'
import { unixOf, unixTime, type UnixTime } from '../../core/runtime/time.ts'
import type { Authorization, Change, Entities, EntityName } from '../../hosts/portal/store/entities.ts'
import type { Product } from '../../hosts/portal/decide/product.ts'
import { PortalState, type PortalInput, type PortalOutput } from '../../hosts/portal/grants/state.ts'
import type { Limits } from '../../hosts/portal/grants/limits.ts'
import type { Decision } from '../../hosts/portal/store/store.ts'
import type { Rows } from '../../hosts/portal/store/entities.ts'
import { keyOf, type PeerFrame } from './control-peer.ts'
import { conditionExtensions, extensions, type DeclaredCondition } from './extensions.ts'
import { SeededRandom } from './seeded-random.ts'
import { VirtualClock } from './virtual-clock.ts'

export interface PortalBenchOptions {
  /** Keys of conditions and selectors that run in threads of their own: the test answers for them. */
  isolated?: readonly string[]
  conditions?: Record<string, DeclaredCondition>
  selectors?: Record<string, GatewaySelector>
  /** Selectors with what they declare, beside `selectors`. */
  selectorExtensions?: Extensions<GatewaySelector>
  seed?: string | number
  clock?: VirtualClock
  limits?: Limits
  factSources?: Extensions<FactSource>
  relayProviders?: Record<string, RelayProvider>
  /** Places by IP address. */
  places?: Readonly<Record<string, Coordinates>>
}

/** A portal's machine in virtual time, with a store that commits every change at once. */
export class PortalBench {
  readonly clock: VirtualClock
  readonly machine: PortalState
  readonly decisions: Decision[] = []
  readonly authorizations = new Map<string, Authorization>()
  readonly closed = new Map<string, string>()
  /** Names of brought facts that the machine wanted refreshed. */
  readonly wanted: string[] = []
  /** Questions to isolated plugins that nobody has answered yet, as the machine asked them. */
  readonly asked: { id: number; questions: readonly IsolatedQuestion[] }[] = []
  /** Checks of lost gateways that the machine wanted sent. */
  readonly checks: Extract<PortalOutput, { type: 'checkGateway' }>[] = []
  /** Whether authorizations are committed at once; otherwise the test says when. */
  isRecording = true
  readonly #driven: Driven<PortalInput>
  readonly #frames = new Map<string, PeerFrame[]>()
  readonly #rows = new Map<string, { entity: EntityName; row: Entities[EntityName] }>()
  #ids = 0
  #connections = 0

  constructor({
    conditions = {},
    selectors = {},
    isolated = [],
    selectorExtensions = new Map(),
    seed = 1,
    clock = new VirtualClock(),
    limits,
    factSources,
    relayProviders = {},
    places = {},
  }: PortalBenchOptions = {}) {
    this.clock = clock
    this.machine = new PortalState({
      conditions: isolatedAmong(conditionExtensions(conditions), isolated),
      selectors: isolatedAmong(new Map([...extensions(selectors), ...selectorExtensions]), isolated),
      random: new SeededRandom(seed),
      unixAt: (now) => unixOf(now, clock.pair()),
      publicUrl: 'https://portal.example.org',
      ...(limits === undefined ? {} : { limits }),
      ...(factSources === undefined ? {} : { factSources }),
      relayProviders: extensions(relayProviders),
      placeOf: (address) => places[address],
      refKey: new Uint8Array(32).fill(1),
      ingestKey: new Uint8Array(32).fill(2),
    })
    this.#driven = drive(this.machine, { clock, perform: (output) => this.#perform(output) })
  }

  /** Makes a new UUID; successive ones are in ascending order. */
  id(): string {
    return `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, '0')}`
  }

  row<Name extends EntityName>(entity: Name, row: Entities[Name]): Entities[Name] {
    this.change([[entity, row.id, row]])
    return row
  }

  patch<Name extends EntityName>(entity: Name, row: Entities[Name], patch: Partial<Entities[Name]>): Entities[Name] {
    return this.row(entity, { ...row, ...patch })
  }

  /** Removes rows in one transaction. */
  remove(...rows: [EntityName, { id: string }][]): void {
    this.change(rows.map(([entity, { id }]) => [entity, id, undefined]))
  }

  change(rows: readonly [EntityName, string, Entities[EntityName] | undefined][]): void {
    const changes = rows.map(([entity, id, after]) => {
      const before = this.#rows.get(id)?.row
      if (after === undefined) this.#rows.delete(id)
      else this.#rows.set(id, { entity, row: after })
      const accountId = ((after ?? before) as { accountId?: string } | undefined)?.accountId ?? id
      return { entity, accountId, id, ...(before && { before }), ...(after && { after }) } as Change
    })
    this.#driven.dispatch({ type: 'changed', changes })
  }

  /** Rows that a portal would read if it started at this moment. */
  rows(): Rows {
    const of = <Name extends EntityName>(entity: Name) =>
      [...this.#rows.values()].filter((each) => each.entity === entity).map(({ row }) => row as Entities[Name])
    return {
      accounts: of('accounts'),
      actors: of('actors'),
      groups: of('groups'),
      memberships: of('memberships'),
      identity_providers: of('identity_providers'),
      identities: of('identities'),
      tokens: of('tokens'),
      clients: of('clients'),
      sites: of('sites'),
      gateways: of('gateways'),
      resources: of('resources'),
      policies: of('policies'),
      authorizations: [...this.authorizations.values()],
    }
  }

  load(rows: Rows): void {
    for (const entity of Object.keys(rows) as EntityName[]) {
      for (const row of rows[entity]) this.#rows.set(row.id, { entity, row })
    }
    for (const row of rows.authorizations) this.authorizations.set(row.id, row)
    this.#driven.dispatch({ type: 'viewLoaded', rows })
  }

  unix(): UnixTime {
    return this.clock.unix()
  }

  dispatch(input: PortalInput): void {
    this.#driven.dispatch(input)
  }

  connect(
    role: 'client' | 'gateway',
    {
      peerId,
      tokenId,
      publicKey: ofKey,
      remoteIp = '203.0.113.45',
      version = '0.1.0',
      replaces,
      isProven: proven,
      transport = 'wireguard',
      product = 'portreeve',
      dialect = 'v2',
      userAgent = `Debian/12.0.0 ${role === 'client' ? 'headless-client' : 'gateway'}/${version} (x86_64; 6.1.0)`,
    }: Connecting,
  ): BenchPeer {
    const connection = `${role}-${++this.#connections}`
    this.#frames.set(connection, [])
    const row = this.#rows.get(peerId)?.row
    const publicKey = ofKey ?? (row !== undefined && 'publicKey' in row ? row.publicKey : '')
    const isProven = proven ?? (row !== undefined && 'isProven' in row && row.isProven)
    const about = {
      peerId,
      tokenId,
      publicKey,
      isProven,
      remoteIp,
      userAgent,
      transport,
      product,
      dialect,
      ...(replaces && { replaces: replaces.connection }),
    }
    this.dispatch({ type: 'peerConnected', connection, role, ...about })
    return new BenchPeer(this, role, connection)
  }

  take(connection: string): PeerFrame[] {
    return this.#frames.get(connection)?.splice(0) ?? []
  }

  /** Answers all questions to isolated plugins that are open. */
  answer(answer: (question: IsolatedQuestion) => unknown): void {
    for (const { id, questions } of this.asked.splice(0)) {
      const answers = questions.map((question) => ({ answer: answer(question), seconds: 0 }))
      this.dispatch({ type: 'isolatedAnswered', id, answers })
    }
  }

  #perform(output: PortalOutput): void {
    switch (output.type) {
      case 'sendText':
        this.#frames.get(output.connection)?.push(JSON.parse(output.text) as PeerFrame)
        return
      case 'closeConnection':
        this.closed.set(output.connection, output.reason)
        return this.dispatch({ type: 'peerDisconnected', connection: output.connection })
      case 'recordAuthorization':
        this.authorizations.set(output.authorization.id, output.authorization)
        if (this.isRecording) this.dispatch({ type: 'authorizationRecorded', authorizationId: output.authorization.id })
        return
      case 'removeAuthorization':
        this.authorizations.delete(output.authorizationId)
        return
      case 'recordDecision':
        this.decisions.push(output.decision)
        return
      case 'presenceChanged':
        return
      case 'refreshFact':
        this.wanted.push(output.name)
        return
      case 'askIsolated':
        this.asked.push(output)
        return
      case 'checkGateway':
        this.checks.push(output)
    }
  }
}

/** Marks extensions of these keys as isolated: whoever calls them in the machine fails. */
const isolatedAmong = <T>(all: Extensions<T>, keys: readonly string[]): Extensions<T> =>
  new Map([...all].map(([key, each]) => [key, keys.includes(key) ? { ...each, isIsolated: true } : each]))

/** A connect of a peer to the bench. */
export interface Connecting {
  peerId: string
  tokenId: string
  /** Public key of the tunnel; by default the one in the peer's row. */
  publicKey?: string
  /** Whether the device has proven its key; by default as in the peer's row. */
  isProven?: boolean
  remoteIp?: string
  version?: string
  /** Its user agent; by default of a headless client or gateway of this version. */
  userAgent?: string
  /** Tunnel transport; WireGuard by default. */
  transport?: string
  /** Portreeve by default. */
  product?: Product
  /** `v2` by default. */
  dialect?: Dialect
  /** The peer's earlier connection, which did not answer and is replaced. */
  replaces?: BenchPeer
}

/**
 * A peer of the bench: the portal handles what it sends at once, and frames for it are kept until a test reads them.
 */
export class BenchPeer {
  #ref = 0

  constructor(
    readonly bench: PortalBench,
    readonly role: 'client' | 'gateway',
    readonly connection: string,
  ) {}

  say(event: string, payload: unknown, topic: string = this.role): this {
    const text = JSON.stringify({ topic, event, payload, ref: this.#ref++ })
    this.bench.dispatch({ type: 'frameReceived', connection: this.connection, text })
    return this
  }

  /** Frames from the portal since the last call, without replies. */
  heard(): PeerFrame[] {
    return this.bench.take(this.connection).filter(({ event }) => event !== 'phx_reply')
  }

  events(): string[] {
    return this.heard().map(({ event }) => event)
  }

  leave(): void {
    this.bench.dispatch({ type: 'peerDisconnected', connection: this.connection })
  }
}

/**
 * An account with a site, a group with one person, a resource and a policy that joins group and resource; a client and
 * two gateways.
 */
export class Company {
  readonly account
  readonly site
  readonly group
  readonly actor
  readonly membership
  readonly resource
  readonly policy
  readonly clientToken
  readonly gatewayToken
  readonly client
  readonly gateways

  constructor(readonly bench: PortalBench) {
    const accountId = bench.id()
    const base = { accountId, createdAt: unixTime(0), updatedAt: unixTime(0) }
    this.account = bench.row('accounts', {
      id: accountId,
      slug: 'example',
      name: 'Example',
      isDisabled: false,
      upstreamResolvers: [],
      searchDomain: null,
      addressRanges: null,
      createdAt: unixTime(0),
      updatedAt: unixTime(0),
    })
    this.site = bench.row('sites', { ...base, id: bench.id(), name: 'Main', selector: 'random', selectorSettings: {} })
    this.group = bench.row('groups', { ...base, id: bench.id(), name: 'Staff' })
    this.actor = this.person('Ada')
    this.membership = this.join(this.actor.id, this.group.id)
    this.resource = this.network('198.51.100.0/24')
    this.policy = this.allow(this.group.id, this.resource.id)
    this.clientToken = this.token({ kind: 'client', actorId: this.actor.id })
    this.gatewayToken = this.token({ kind: 'gateway', siteId: this.site.id })
    this.client = this.device('laptop', this.actor.id)
    this.gateways = [this.gateway('gw-1'), this.gateway('gw-2')] as const
  }

  get #base() {
    return { accountId: this.account.id, id: this.bench.id(), createdAt: unixTime(0), updatedAt: unixTime(0) }
  }

  person(name: string) {
    return this.bench.row('actors', { ...this.#base, type: 'user', name, email: null, isDisabled: false })
  }

  join(actorId: string, groupId: string) {
    return this.bench.row('memberships', { ...this.#base, actorId, groupId })
  }

  network(address: string) {
    return this.bench.row('resources', {
      ...this.#base,
      siteId: this.site.id,
      name: address,
      type: 'cidr',
      address,
      addressDescription: null,
      filters: [],
      ipStack: 'dual',
    })
  }

  allow(groupId: string, resourceId: string, conditions: { condition: string; settings: unknown }[] = []) {
    return this.bench.row('policies', {
      ...this.#base,
      groupId,
      resourceId,
      description: null,
      conditions,
      isDisabled: false,
      mode: 'enforced',
    })
  }

  token(of: Partial<Entities['tokens']> & { kind: 'client' | 'gateway' }) {
    return this.bench.row('tokens', {
      ...this.#base,
      name: of.kind,
      actorId: null,
      siteId: null,
      gatewayId: null,
      identityProviderId: null,
      signIn: null,
      salt: '',
      hash: '',
      scopes: null,
      makerId: null,
      isEmergency: false,
      expiresAt: null,
      lastUsedAt: null,
      ...of,
    })
  }

  device(name: string, actorId: string) {
    return this.bench.row('clients', { ...this.#base, actorId, ...unverified(name), ...this.#peer(name) })
  }

  gateway(name: string) {
    return this.bench.row('gateways', {
      ...this.#base,
      siteId: this.site.id,
      isEphemeral: false,
      presentAt: null,
      ...this.#peer(name),
    })
  }

  #peer(name: string) {
    return {
      externalId: name,
      name,
      publicKey: keyOf(name),
      pskBase: keyOf(`psk of ${name}`),
      ipv4: '100.64.10.1',
      ipv6: 'fd00:2021:1111::a:1',
      lastSeenAt: null,
      lastSeenVersion: '0.1.0',
    }
  }

  /** Joins the client, or another device, and returns the peer. */
  clientJoins(of: Partial<Connecting> = {}, features: string[] = []): BenchPeer {
    const peer = this.bench.connect('client', { peerId: this.client.id, tokenId: this.clientToken.id, ...of })
    peer.say('phx_join', null).say('set_capabilities', { features })
    return peer
  }

  gatewayJoins(index: 0 | 1 = 0, of: Partial<Connecting> = {}, features: string[] = []): BenchPeer {
    const peerId = this.gateways[index].id
    const peer = this.bench.connect('gateway', { peerId, tokenId: this.gatewayToken.id, ...of })
    peer.say('phx_join', null).say('set_capabilities', { features })
    return peer
  }
}

/** A device that has proven its key but that no admin has verified. */
const unverified = (name: string) => ({
  deviceKey: keyOf(`device key of ${name}`),
  isProven: true,
  provenAt: null,
  verifiedAt: null,
  acceptsUnproven: false,
})
