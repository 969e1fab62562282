import type { Extensions } from '../../../core/contract/extension-point.ts'
import type { Coordinates, RelayProvider } from '../../../core/contract/relay-provider.ts'
import { FEATURES, type Relay } from '../../../core/control/messages.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import { OFFERED_RELAYS, relaysFor, type PresentRelay } from '../decide/relay-choice.ts'
import { relayPeriod } from '../decide/relay-expiry.ts'
import type { View } from '../decide/view.ts'
import { instantAt, type Agenda } from './agenda.ts'
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
}

/** Relays that a connection was told of. */
interface Held {
  /** Entries as last sent, by the id of their relay, nearest relay first. */
  entries: ReadonlyMap<string, readonly Relay[]>
  /** Ids of relays that the peer had no use for. */
  failed: Set<string>
  /** Whether the peer asked for relays and there was none. */
  isLacking: boolean
}

/**
 * Offers relays to peers: to each the two that are nearest to it, with credentials of its own that are renewed long before
 * they expire. A peer keeps the relays that it was offered while they answer, even if a nearer one comes.
 */
export class RelayOffers {
  readonly #needs: RelayOffersNeeds
  readonly #held = new WeakMap<Connection, Held>()
  #relays: readonly PresentRelay[] = []
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
    return [...(held?.entries.keys() ?? [])].flatMap((id) => this.#relays.find((relay) => relay.id === id) ?? [])
  }

  /** Returns the entries for the `init` of a peer that joins. */
  initial(connection: Connection, now: Instant): Relay[] {
    const { entries } = this.#offer(connection, { keep: [], failed: new Set() }, now)
    this.#watchExpiry(connection, now)
    return [...entries.values()].flat()
  }

  /**
   * Takes over which relays are present, and tells the peers concerned. Returns the ids of gateways that had asked in vain for
   * relays, and have some now.
   */
  changed(relays: readonly PresentRelay[], now: Instant): string[] {
    const before = new Map(this.#relays.map((relay) => [relay.id, JSON.stringify(relay)]))
    this.#relays = relays
    const unchanged = new Set(
      relays.filter((relay) => before.get(relay.id) === JSON.stringify(relay)).map(({ id }) => id),
    )
    const supplied: string[] = []
    for (const connection of this.#needs.peers.all()) {
      const held = this.#held.get(connection)
      if (held === undefined || !connection.isJoined) continue
      const keep = [...held.entries.keys()]
      if (keep.length >= OFFERED_RELAYS && keep.every((id) => unchanged.has(id))) continue
      const { isLacking } = held
      this.#tellAnew(connection, { ...held, keep }, now)
      if (isLacking && isGateway(connection) && this.#has(connection)) supplied.push(connection.peerId)
    }
    return supplied
  }

  /** Tells a peer that has just announced its features what they add to the relays in its `init`. */
  learned(connection: Connection, now: Instant): void {
    if (!connection.features.has(FEATURES.relayWebsocket)) return
    const held = this.#held.get(connection)
    if (held !== undefined) this.#tellAnew(connection, { ...held, keep: [...held.entries.keys()] }, now)
  }

  /**
   * Answers a peer that has no relay that answers it: with others than it had if there are any, else with the same. Returns
   * whether there is one.
   */
  requested(connection: Connection, now: Instant): boolean {
    this.#timesAsked++
    const held = this.#held.get(connection)
    const failed = new Set([...(held?.failed ?? []), ...(held?.entries.keys() ?? [])])
    const before = [...(held?.entries.keys() ?? [])]
    const next = this.#offer(connection, { keep: [], failed }, now)
    next.isLacking = next.entries.size === 0
    const gone = before.filter((id) => !next.entries.has(id))
    this.#tell(connection, { disconnected_ids: gone, connected: [...next.entries.values()].flat() })
    return !next.isLacking
  }

  #has(connection: Connection): boolean {
    return (this.#held.get(connection)?.entries.size ?? 0) > 0
  }

  /** Chooses relays for a connection anew, `keep` before others as far as they are present, and notes them as told. */
  #offer(
    connection: Connection,
    { keep, failed }: { keep: readonly string[]; failed: ReadonlySet<string> },
    now: Instant,
  ): Held {
    const { view, placeOf, unixAt, relayCredentialsMs, relayProviders } = this.#needs
    const { peerId, publicKey, remoteIp, features } = connection
    const row = isClient(connection) ? view.get('clients', peerId) : view.get('gateways', peerId)
    const asker = { id: peerId, accountId: row?.accountId ?? '', place: placeOf(remoteIp), failed }
    const ranked = relaysFor(this.#relays, asker)
    const kept = ranked.filter(({ id }) => keep.includes(id))
    const { expiresAt } = relayPeriod(peerId, unixAt(now), relayCredentialsMs)
    const told = { publicKey, expiresAt, knowsWebsocket: features.has(FEATURES.relayWebsocket) }
    const entries = new Map<string, readonly Relay[]>()
    for (const relay of new Set([...kept, ...ranked])) {
      if (entries.size >= OFFERED_RELAYS) break
      const made = relayEntries(relay, told, relayProviders)
      if (made.length > 0) entries.set(relay.id, made)
    }
    // A relay that failed counts as any other once nothing else is left.
    const isExhausted = ranked.every(({ id }) => failed.has(id))
    const held = { entries, failed: new Set(isExhausted ? [] : failed), isLacking: false }
    this.#held.set(connection, held)
    return held
  }

  /** Chooses relays for a connection anew, and tells it what is different from before. */
  #tellAnew(
    connection: Connection,
    { keep, failed, entries, isLacking }: Held & { keep: string[] },
    now: Instant,
  ): void {
    const next = this.#offer(connection, { keep, failed }, now)
    next.isLacking = isLacking && next.entries.size === 0
    const gone = [...entries.keys()].filter((id) => !next.entries.has(id))
    const connected = [...next.entries].flatMap(([id, made]) =>
      JSON.stringify(entries.get(id)) === JSON.stringify(made) ? [] : made,
    )
    if (gone.length > 0 || connected.length > 0) this.#tell(connection, { disconnected_ids: gone, connected })
  }

  #tell(connection: Connection, payload: { disconnected_ids: string[]; connected: Relay[] }): void {
    const { peers } = this.#needs
    const message = { event: 'relaysPresence' as const, payload }
    if (isClient(connection)) peers.tell(connection, message)
    else if (isGateway(connection)) peers.tell(connection, message)
  }

  /** Sends new credentials before those that the peer has expire. */
  #watchExpiry(connection: Connection, now: Instant): void {
    const { agenda, peers, unixAt, relayCredentialsMs } = this.#needs
    const unixNow = unixAt(now)
    const { renewAt } = relayPeriod(connection.peerId, unixNow, relayCredentialsMs)
    agenda.add(instantAt(renewAt, { now, unixNow }), 'relay credentials renewed', (then) => {
      const held = this.#held.get(connection)
      if (peers.get(connection.connection) !== connection || !connection.isJoined || held === undefined) return
      this.#tellAnew(connection, { ...held, keep: [...held.entries.keys()] }, then)
      this.#watchExpiry(connection, then)
    })
  }
}
