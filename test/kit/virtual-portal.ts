import type { GatewaySelector } from '../../core/contract/gateway-selector.ts'
import type { RelayProvider } from '../../core/contract/relay-provider.ts'
import { toBase64, toHex } from '../../core/crypto/text-encoding.ts'
import { tokenHash } from '../../core/crypto/token-hash.ts'
import { drive, type Driven } from '../../core/runtime/drive.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import { uuid } from '../../core/runtime/random.ts'
import { after, unixOf } from '../../core/runtime/time.ts'
import type { PresentRelay } from '../../hosts/portal/decide/relay-choice.ts'
import { PortalState, type PortalInput, type PortalOutput } from '../../hosts/portal/grants/state.ts'
import { parseToken, signedFragment } from '../../hosts/portal/identity/token-text.ts'
import type {
  Actor,
  Change,
  ConditionSetting,
  Entities,
  EntityName,
  IdentityProviderRow,
  Policy,
  Resource,
  Rows,
} from '../../hosts/portal/store/entities.ts'
import type { Decision } from '../../hosts/portal/store/store.ts'
import { childrenOf } from '../../hosts/portal/store/tables.ts'
import { DEFAULT_RANGES, toldRanges, type AddressRangeTexts } from '../../core/net/address-ranges.ts'
import { addressesAt, offsetOf } from '../../hosts/portal/store/tunnel-addresses.ts'
import { conditionExtensions, extensions, type DeclaredCondition } from './extensions.ts'
import { SeededRandom } from './seeded-random.ts'
import type { VirtualClock } from './virtual-clock.ts'
import type { PortalSide, VirtualControlChannel, VirtualPortalEnd } from './virtual-control-channel.ts'

export interface VirtualPortalOptions {
  clock: VirtualClock
  channel: VirtualControlChannel
  seed: string
  conditions?: Record<string, DeclaredCondition>
  selectors: Record<string, GatewaySelector>
  /** Endpoints of the portal's STUN server, which is another part of the world; none by default. */
  stunServers?: readonly Endpoint[]
  /** Plugins that make credentials for relays; none by default. */
  relayProviders?: Record<string, RelayProvider>
}

/** Milliseconds until a write is committed and the portal hears of it. */
const COMMIT_MS = 1
const SIGNING_KEY = new Uint8Array(32).fill(3)
const SALT = 'salt'
const SITE = { selector: 'random', selectorSettings: {} }

/** The portal's machine in front of one account's rows, which survive its restarts. */
export class VirtualPortal implements VirtualPortalEnd {
  readonly decisions: Decision[] = []
  readonly accountId: string
  readonly siteId: string
  readonly #options: VirtualPortalOptions
  readonly #random: SeededRandom
  readonly #rows: Rows
  readonly #sides = new Map<string, PortalSide>()
  readonly #names = new Map<PortalSide, string>()
  #driven: Driven<PortalInput> | undefined
  #machine: PortalState | undefined
  #relays: readonly PresentRelay[] = []
  #connections = 0
  #peers = 0

  constructor(options: VirtualPortalOptions) {
    this.#options = options
    this.#random = new SeededRandom(`portal ${options.seed}`)
    const createdAt = options.clock.unix()
    this.accountId = uuid(this.#random)
    this.siteId = uuid(this.#random)
    const account = {
      id: this.accountId,
      slug: 'example',
      name: 'Example',
      isDisabled: false,
      upstreamResolvers: [],
      searchDomain: null,
      addressRanges: null,
      createdAt,
      updatedAt: createdAt,
    }
    const site = {
      ...SITE,
      id: this.siteId,
      accountId: this.accountId,
      name: 'Berlin',
      createdAt,
      updatedAt: createdAt,
    }
    this.#rows = {
      accounts: [account],
      actors: [],
      groups: [],
      memberships: [],
      identity_providers: [],
      identities: [],
      tokens: [],
      clients: [],
      sites: [site],
      gateways: [],
      resources: [],
      policies: [],
      authorizations: [],
    }
  }

  /** Starts a portal process with an empty memory. */
  start(): void {
    const { clock, conditions = {}, selectors, channel, stunServers = [], relayProviders = {} } = this.#options
    this.#machine = new PortalState({
      conditions: conditionExtensions(conditions),
      selectors: extensions(selectors),
      relayProviders: extensions(relayProviders),
      random: this.#random,
      unixAt: (now) => unixOf(now, clock.pair()),
      publicUrl: 'http://portal.example.org',
      refKey: new Uint8Array(32).fill(1),
      ingestKey: new Uint8Array(32).fill(2),
    })
    this.#driven = drive(this.#machine, { clock, perform: (output) => this.#perform(output) })
    this.#driven.dispatch({ type: 'viewLoaded', rows: structuredClone(this.#rows) })
    if (stunServers.length > 0) this.#driven.dispatch({ type: 'stunServersChanged', servers: stunServers })
    this.#driven.dispatch({ type: 'relaysChanged', relays: this.#relays })
    channel.serve(this)
  }

  /** Changes the relays that are present, as probing them tells a portal. */
  offerRelays(relays: readonly PresentRelay[]): void {
    this.#relays = relays
    this.#driven?.dispatch({ type: 'relaysChanged', relays })
  }

  stop(): void {
    this.#driven?.stop()
    this.#driven = undefined
    this.#machine = undefined
    this.#sides.clear()
    this.#names.clear()
    this.#options.channel.stop()
  }

  get isRunning(): boolean {
    return this.#driven !== undefined
  }

  /** Paths of clients, by their kind; undefined while the portal is stopped. */
  get paths() {
    return this.#machine?.paths.counts()
  }

  /** Paths of all clients, as the portal's API tells them. */
  get reportedPaths() {
    const machine = this.#machine
    return machine === undefined ? [] : this.#rows.clients.flatMap(({ id }) => machine.paths.ofClient(id))
  }

  get counts() {
    return this.#machine?.counts()
  }

  /** Number of times that peers asked for relays because none of theirs answers. */
  get timesAskedForRelays(): number {
    return this.#machine?.timesAskedForRelays ?? 0
  }

  rows<Name extends EntityName>(entity: Name): readonly Entities[Name][] {
    return this.#rows[entity]
  }

  // Actions of an administrator.

  actor(name: string): Actor {
    return this.#insert('actors', { ...this.#base(), type: 'user', name, email: null, isDisabled: false })
  }

  group(name: string, ...actors: readonly Actor[]): { id: string } {
    const group = this.#insert('groups', { ...this.#base(), name })
    for (const actor of actors) this.join(group.id, actor)
    return group
  }

  join(groupId: string, { id: actorId }: Actor): void {
    this.#insert('memberships', { ...this.#base(), groupId, actorId })
  }

  provider(name: string): IdentityProviderRow {
    return this.#insert('identity_providers', {
      ...this.#base(),
      name,
      type: 'oidc',
      settings: {},
      isDefault: true,
      isDisabled: false,
      clientTokenLifetimeSeconds: 3600,
      sessionLifetimeSeconds: 3600,
      emailDomains: ['*'],
    })
  }

  /** Changes fields of a row. */
  patch<Name extends EntityName>(entity: Name, id: string, patch: Partial<Entities[Name]>): void {
    const row = this.#rows[entity].find((each) => each.id === id)
    if (row !== undefined) this.#insert(entity, { ...row, ...patch })
  }

  /** Gives the account other address ranges. */
  moveAddresses(texts: AddressRangeTexts | null): void {
    const ranges = toldRanges(texts ?? undefined)
    const before = toldRanges(this.#rows.accounts[0]?.addressRanges ?? undefined)
    for (const entity of ['clients', 'gateways'] as const) {
      for (const row of this.#rows[entity].slice())
        this.patch(entity, row.id, addressesAt(offsetOf(row, before), ranges))
    }
    this.patch('accounts', this.accountId, { addressRanges: texts })
  }

  /** Makes another site. */
  site(name: string): { id: string } {
    return this.#insert('sites', { ...this.#base(), ...SITE, name })
  }

  resource(
    type: Resource['type'],
    address: string | null,
    filters: Resource['filters'] = [],
    { siteId = this.siteId, ipStack = 'dual' }: Partial<Pick<Resource, 'siteId' | 'ipStack'>> = {},
  ): Resource {
    return this.#insert('resources', {
      ...this.#base(),
      siteId,
      name: address ?? 'Internet',
      type,
      address,
      addressDescription: null,
      filters,
      ipStack,
    })
  }

  policy(groupId: string, resourceId: string, conditions: ConditionSetting[] = []): Policy {
    const row = {
      ...this.#base(),
      groupId,
      resourceId,
      description: null,
      conditions,
      isDisabled: false,
      mode: 'enforced' as const,
    }
    return this.#insert('policies', row)
  }

  gatewayToken(siteId = this.siteId): string {
    return this.#token({ kind: 'gateway', siteId }, '')
  }

  /** Ends a sign-in; returns the fragment that the redirect carries, which is of no use without the nonce. */
  signIn(actor: Actor, nonce: string, identityProviderId: string | null = null): string {
    return this.#token({ kind: 'client', actorId: actor.id, identityProviderId }, nonce)
  }

  remove(entity: EntityName, id: string): void {
    const changes = this.#collect(entity, id)
    this.#commit(changes)
  }

  // Actions of peers.

  /** The connection that holds a peer's place, and whether it answers pings. */
  #seated(peerId: string): { connection: string; answers: boolean } | undefined {
    const seated = this.#machine?.seated(peerId, this.#options.clock.now())
    if (seated === undefined) return undefined
    const { connection, isSilent } = seated
    return { connection, answers: !isSilent && this.#sides.get(connection)?.answers() === true }
  }

  accept(side: PortalSide): { status: number; code: string } | undefined {
    const { role, token, externalId, name, publicKey, remoteAddress, userAgent } = side.request
    const tokenRow = this.#verify(token)
    if (tokenRow === undefined || tokenRow.kind !== role) return { status: 401, code: 'invalid_token' }
    const entity = role === 'client' ? 'clients' : 'gateways'
    const mine = (this.#rows[entity] as { id: string; externalId: string }[]).find(
      (row) => row.externalId === externalId,
    )
    const seated = mine === undefined ? undefined : this.#seated(mine.id)
    if (seated?.answers === true) {
      return { status: 409, code: role === 'gateway' ? 'gateway_already_connected' : 'device_identity_conflict' }
    }
    const peer = mine ?? {
      ...this.#base(),
      externalId,
      pskBase: toBase64(this.#random.bytes(32)),
      ...addressesAt(++this.#peers, DEFAULT_RANGES),
      ...(role === 'client' ? { actorId: tokenRow.actorId ?? '', ...UNPROVEN } : { siteId: tokenRow.siteId }),
    }
    const seen = { name, publicKey, lastSeenAt: this.#options.clock.unix(), lastSeenVersion: '1.5.16' }
    this.#insert(entity, { ...peer, ...seen } as Entities[typeof entity])
    const connection = `${role} ${++this.#connections}`
    this.#sides.set(connection, side)
    this.#names.set(side, connection)
    this.#driven?.dispatch({
      type: 'peerConnected',
      connection,
      role,
      dialect: 'v2',
      peerId: peer.id,
      tokenId: tokenRow.id,
      publicKey,
      isProven: false,
      remoteIp: remoteAddress,
      userAgent,
      transport: 'wireguard',
      product: 'portreeve',
      ...(seated && { replaces: seated.connection }),
    })
    return undefined
  }

  received(side: PortalSide, text: string): void {
    const connection = this.#names.get(side)
    if (connection !== undefined) this.#driven?.dispatch({ type: 'frameReceived', connection, text })
  }

  closed(side: PortalSide): void {
    const connection = this.#names.get(side)
    if (connection === undefined) return
    this.#names.delete(side)
    this.#sides.delete(connection)
    this.#driven?.dispatch({ type: 'peerDisconnected', connection })
  }

  #perform(output: PortalOutput): void {
    switch (output.type) {
      case 'sendText':
        this.#sides.get(output.connection)?.send(output.text)
        return
      case 'closeConnection':
        this.#sides.get(output.connection)?.close()
        return
      case 'recordAuthorization':
        this.#later(() => {
          this.#insert('authorizations', output.authorization)
          this.#driven?.dispatch({ type: 'authorizationRecorded', authorizationId: output.authorization.id })
        })
        return
      case 'removeAuthorization':
        this.#later(() => this.remove('authorizations', output.authorizationId))
        return
      case 'recordDecision':
        this.decisions.push(output.decision)
        return
      case 'refreshFact':
      case 'askIsolated':
      case 'checkGateway':
      case 'presenceChanged':
      // no plugin brings facts here, all run in this thread, no client is a released one, and nobody looks at pages
    }
  }

  #verify(text: string): Entities['tokens'] | undefined {
    const parsed = parseToken(text, SIGNING_KEY)
    if (!parsed.ok) return undefined
    const { tokenId, nonce, secret } = parsed.parts
    const row = this.#rows.tokens.find(({ id }) => id === tokenId)
    return row !== undefined && row.hash === tokenHash({ nonce, secret, salt: SALT }) ? row : undefined
  }

  #token(of: Partial<Entities['tokens']> & { kind: 'client' | 'gateway' }, nonce: string): string {
    const secret = toHex(this.#random.bytes(32))
    const row = this.#insert('tokens', {
      ...this.#base(),
      name: of.kind,
      actorId: null,
      siteId: null,
      gatewayId: null,
      identityProviderId: null,
      signIn: null,
      salt: SALT,
      hash: tokenHash({ nonce, secret, salt: SALT }),
      scopes: null,
      makerId: null,
      isEmergency: false,
      expiresAt: null,
      lastUsedAt: null,
      ...of,
    })
    return signedFragment({ accountId: this.accountId, tokenId: row.id, secret }, SIGNING_KEY)
  }

  #base() {
    return {
      id: uuid(this.#random),
      accountId: this.accountId,
      createdAt: this.#options.clock.unix(),
      updatedAt: this.#options.clock.unix(),
    }
  }

  /** Adds a row, or replaces the one with the same id. */
  #insert<Name extends EntityName>(entity: Name, row: Entities[Name]): Entities[Name] {
    const table = this.#rows[entity] as Entities[Name][]
    const at = table.findIndex(({ id }) => id === row.id)
    const before = at < 0 ? undefined : table[at]
    if (at < 0) table.push(row)
    else table[at] = row
    this.#commit([
      {
        entity,
        accountId: this.accountId,
        id: row.id,
        ...(before === undefined ? {} : { before }),
        after: row,
      } as Change,
    ])
    return row
  }

  #collect(entity: EntityName, id: string): Change[] {
    const table = this.#rows[entity] as { id: string }[]
    const at = table.findIndex((row) => row.id === id)
    const before = table[at]
    if (before === undefined) return []
    // The database, too, removes the rows that refer to a row together with it, and before it.
    const dependents = childrenOf(entity).flatMap(({ name, column }) =>
      (this.#rows[name] as { id: string }[])
        .filter((row) => Object.entries(row).some(([key, value]) => key === column && value === id))
        .flatMap((row) => this.#collect(name, row.id)),
    )
    table.splice(table.indexOf(before), 1)
    return [...dependents, { entity, accountId: this.accountId, id, before } as Change]
  }

  #commit(changes: readonly Change[]): void {
    if (changes.length > 0) this.#driven?.dispatch({ type: 'changed', changes })
  }

  #later(work: () => void): void {
    const { clock } = this.#options
    clock.wake(after(clock.now(), COMMIT_MS), work)
  }
}

/** Columns of a client's row whose device has shown no key of its own. */
const UNPROVEN = { deviceKey: null, isProven: false, provenAt: null, verifiedAt: null, acceptsUnproven: false }
