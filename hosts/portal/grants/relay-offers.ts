import type { Extensions } from '../../../core/contract/extension-point.ts'
import type { Coordinates, RelayProvider } from '../../../core/contract/relay-provider.ts'
import { FEATURES, type Relay } from '../../../core/control/messages.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { toUnpaddedBase64 } from '../../../core/crypto/text-encoding.ts'
import { after, SECOND, type Instant, type UnixTime } from '../../../core/runtime/time.ts'
import { OFFERED_RELAYS, placeInOrder, relaysFor, type PresentRelay } from '../decide/relay-choice.ts'
import { relayPeriod, type RelayPeriod } from '../decide/relay-expiry.ts'
import type { View } from '../decide/view.ts'
import { instantAt, type Agenda, type Appointment } from './agenda.ts'
import type { ConnectedPeers } from './connected-peers.ts'
import { isClient, isGateway, type Connection } from './connections.ts'
import { relayEntries } from './relay-entries.ts'

export interface RelayOffersNeeds {
  view: Pick<View, 'get'>
  peers: ConnectedPeers
  agenda: Agenda
  unixAt: (now: Instant) => UnixTime
  relayProviders: Extensions<RelayProvider>
  /** Returns the place of an IP address, if known. */
  placeOf: (address: string) => Coordinates | undefined
  /** Lifetime of a peer's credentials at relays, in milliseconds. */
  relayCredentialsMs: number
  /** Called for a gateway that had asked in vain for relays, and has one now. */
  gatewaySupplied: (gatewayId: string, now: Instant) => void
}

/** Relay that a connection was told of. */
interface Told {
  relay: PresentRelay
  /** Entries as last sent. */
  entries: readonly Relay[]
}

/** State of a connection's relays. */
interface Held {
  /** Relays that it was told of, by id, nearest first. */
  told: ReadonlyMap<string, Told>
  /** Ids of relays that the peer had no use for. */
  failed: ReadonlySet<string>
  /** Whether the peer asked for relays and there was none. */
  isLacking: boolean
  /** Period of the credentials that it was sent. */
  period: RelayPeriod
  /** Whether the entries say where a relay's WebSocket is. */
  knowsWebsocket: boolean
}

/** Number of peers that are told of a change at once, before others have their turn. */
const SLICE = 100
/** Time between two such slices. */
const SLICE_INTERVAL_MS = 1
/** Time after which a plugin that failed to make credentials is asked again. */
const ASK_AGAIN_MS = 10 * SECOND

/**
 * Offers relays to peers: to each the two that are nearest to it, with credentials of its own that are renewed long before
 * they expire. A peer keeps the relays that it was offered while they answer, even if a nearer one comes.
 */
export class RelayOffers {
  readonly #needs: RelayOffersNeeds
  readonly #held = new WeakMap<Connection, Held>()
  /** Values that follow from a connection's ids and keys, computed once. */
  readonly #constants = new WeakMap<Connection, { salt: string; order: number; place: Coordinates | undefined }>()
  /** Connections for which a plugin is soon asked again for credentials. */
  readonly #awaiting = new WeakSet<Connection>()
  /** Present relays by id. An unchanged relay stays the same object. */
  #relays: ReadonlyMap<string, PresentRelay> = new Map()
  #nextSlice: Appointment | undefined
  #timesAsked = 0

  constructor(needs: RelayOffersNeeds) {
    this.#needs = needs
  }

  /** Number of times that peers asked for relays because they had none that answers them. */
  get timesAsked(): number {
    return this.#timesAsked
  }

  /** Returns the relays that a connection was offered, nearest first. */
  offeredTo(connection: Connection | undefined): PresentRelay[] {
    const held = connection === undefined ? undefined : this.#held.get(connection)
    return [...(held?.told.keys() ?? [])].flatMap((id) => this.#relays.get(id) ?? [])
  }

  /** Returns the entries for the `init` of a peer that joins. */
  initial(connection: Connection, now: Instant): Relay[] {
    const { told } = this.#offer(connection, { keep: new Map(), failed: new Set() }, now)
    this.#watchExpiry(connection, now)
    return [...told.values()].flatMap(({ entries }) => entries)
  }

  /** Takes over which relays are present, and tells the peers concerned: very many of them in slices. */
  changed(relays: readonly PresentRelay[], now: Instant): void {
    const before = this.#relays
    this.#relays = new Map(relays.map((relay) => [relay.id, unchanged(before.get(relay.id), relay)]))
    this.#needs.agenda.cancel(this.#nextSlice)
    this.#tellSlice([...this.#needs.peers.all()], now)
  }

  /** Tells a peer that has just announced its features what they add to the relays in its `init`. */
  learned(connection: Connection, now: Instant): void {
    if (!connection.features.has(FEATURES.relayWebsocket)) return
    const held = this.#held.get(connection)
    if (held !== undefined) this.#tellAnew(connection, held, now)
  }

  /**
   * Answers a peer that has no relay that answers it: with others than it had if there are any, else with the same. Returns
   * whether there is one.
   */
  requested(connection: Connection, now: Instant): boolean {
    this.#timesAsked++
    const { told: before = new Map<string, Told>(), failed = new Set<string>() } = this.#held.get(connection) ?? {}
    const next = this.#offer(connection, { keep: new Map(), failed: new Set([...failed, ...before.keys()]) }, now)
    next.isLacking = next.told.size === 0
    this.#tell(connection, {
      disconnected_ids: [...before.keys()].filter((id) => !next.told.has(id)),
      connected: [...next.told.values()].flatMap(({ entries }) => entries),
    })
    return !next.isLacking
  }

  /** Tells the first of some peers about the present relays, and the others soon. */
  #tellSlice(connections: readonly Connection[], now: Instant): void {
    for (const connection of connections.slice(0, SLICE)) this.#follow(connection, now)
    const others = connections.slice(SLICE)
    this.#nextSlice =
      others.length === 0
        ? undefined
        : this.#needs.agenda.add(after(now, SLICE_INTERVAL_MS), 'relays told', (then) => this.#tellSlice(others, then))
  }

  #follow(connection: Connection, now: Instant): void {
    const held = this.#held.get(connection)
    const { peers, gatewaySupplied } = this.#needs
    if (held === undefined || !connection.isJoined || peers.get(connection.connection) !== connection) return
    const { told, isLacking } = held
    const isSame = [...told].every(([id, { relay }]) => this.#relays.get(id) === relay)
    if (isSame && (told.size >= OFFERED_RELAYS || told.size === this.#relays.size)) return
    const next = this.#tellAnew(connection, held, now)
    if (isLacking && next.told.size > 0 && isGateway(connection)) gatewaySupplied(connection.peerId, now)
  }

  /** Chooses relays for a connection anew, `keep` before others as far as they are present, and notes them as told. */
  #offer(connection: Connection, { keep, failed }: { keep: Held['told']; failed: Held['failed'] }, now: Instant): Held {
    const { view, relayProviders } = this.#needs
    const { peerId, publicKey, features } = connection
    const row = isClient(connection) ? view.get('clients', peerId) : view.get('gateways', peerId)
    const { salt, order, place } = this.#constantsOf(connection)
    const ranked = relaysFor([...this.#relays.values()], { accountId: row?.accountId ?? '', order, place, failed })
    const kept = ranked.filter(({ id }) => keep.has(id))
    const earlier = this.#held.get(connection)
    const period = this.#periodOf(peerId, earlier?.period, now)
    const knowsWebsocket = features.has(FEATURES.relayWebsocket)
    const isAsBefore = earlier?.period === period && earlier.knowsWebsocket === knowsWebsocket
    const told = new Map<string, Told>()
    for (const relay of new Set([...kept, ...ranked])) {
      if (told.size >= OFFERED_RELAYS) break
      const known = isAsBefore ? keep.get(relay.id) : undefined
      const peer = { publicKey, salt, accountId: row?.accountId, expiresAt: period.expiresAt, knowsWebsocket }
      const entries = known?.relay === relay ? known.entries : relayEntries(relay, peer, relayProviders)
      if (entries.length > 0) told.set(relay.id, { relay, entries })
      else this.#askAgain(connection, now)
    }
    // A relay that failed counts as any other once nothing else is left.
    const isExhausted = ranked.every(({ id }) => failed.has(id))
    const held = { told, failed: isExhausted ? new Set<string>() : failed, isLacking: false, period, knowsWebsocket }
    this.#held.set(connection, held)
    return held
  }

  /** Offers relays to a connection once more soon, because a plugin failed to make credentials. */
  #askAgain(connection: Connection, now: Instant): void {
    const { agenda, peers } = this.#needs
    if (this.#awaiting.has(connection)) return
    this.#awaiting.add(connection)
    agenda.add(after(now, ASK_AGAIN_MS), 'relay credentials asked for again', (then) => {
      this.#awaiting.delete(connection)
      const held = this.#held.get(connection)
      if (held !== undefined && connection.isJoined && peers.get(connection.connection) === connection)
        this.#tellAnew(connection, held, then)
    })
  }

  /** Chooses relays for a connection anew, those that it has before others, and tells it what is different from before. */
  #tellAnew(connection: Connection, { told, failed, isLacking }: Held, now: Instant): Held {
    const next = this.#offer(connection, { keep: told, failed }, now)
    next.isLacking = isLacking && next.told.size === 0
    const gone = [...told.keys()].filter((id) => !next.told.has(id))
    const connected = [...next.told].flatMap(([id, { entries }]) => {
      const before = told.get(id)?.entries
      return before === entries || JSON.stringify(before) === JSON.stringify(entries) ? [] : entries
    })
    if (gone.length > 0 || connected.length > 0) this.#tell(connection, { disconnected_ids: gone, connected })
    return next
  }

  #tell(connection: Connection, payload: { disconnected_ids: string[]; connected: Relay[] }): void {
    const { peers } = this.#needs
    const message = { event: 'relaysPresence' as const, payload }
    if (isClient(connection)) peers.tell(connection, message)
    else if (isGateway(connection)) peers.tell(connection, message)
  }

  #constantsOf(connection: Connection): { salt: string; order: number; place: Coordinates | undefined } {
    const known = this.#constants.get(connection)
    if (known !== undefined) return known
    const { peerId, publicKey, remoteIp } = connection
    const salt = toUnpaddedBase64(sha256(publicKey))
    const constants = { salt, order: placeInOrder(peerId), place: this.#needs.placeOf(remoteIp) }
    this.#constants.set(connection, constants)
    return constants
  }

  /** Returns the period of credentials that are made at a time: the same object while it lasts. */
  #periodOf(peerId: string, known: RelayPeriod | undefined, now: Instant): RelayPeriod {
    const { unixAt, relayCredentialsMs } = this.#needs
    const at = unixAt(now)
    const isPresent = known !== undefined && at < known.renewAt && known.renewAt - at <= relayCredentialsMs
    return isPresent ? known : relayPeriod(peerId, at, relayCredentialsMs)
  }

  /** Sends new credentials before those that the peer has expire. */
  #watchExpiry(connection: Connection, now: Instant): void {
    const { agenda, peers, unixAt, relayCredentialsMs } = this.#needs
    const unixNow = unixAt(now)
    const { renewAt } = relayPeriod(connection.peerId, unixNow, relayCredentialsMs)
    agenda.add(instantAt(renewAt, { now, unixNow }), 'relay credentials renewed', (then) => {
      const held = this.#held.get(connection)
      if (peers.get(connection.connection) !== connection || !connection.isJoined || held === undefined) return
      this.#tellAnew(connection, held, then)
      this.#watchExpiry(connection, then)
    })
  }
}

/** Returns the object of before for a relay that has not changed. */
const unchanged = (before: PresentRelay | undefined, relay: PresentRelay): PresentRelay =>
  before !== undefined && JSON.stringify(before) === JSON.stringify(relay) ? before : relay
