import { splitEndpoint, type Endpoint } from '../runtime/endpoint.ts'
import { splitPath, type ChannelPath, type TunnelPath } from '../runtime/path.ts'
import { after, MINUTE, type Instant } from '../runtime/time.ts'
import { isPrivate, peerReflexive, type Candidate } from './candidate.ts'
import { comparePairs, isRelayed, newPair, shareRelay, type CandidatePair } from './candidate-pair.ts'
import { HEAD_START_MS, PACE_MS } from './check-timing.ts'
import type { IceRole } from './connectivity-check.ts'
import type { RelayedPaths } from './relayed-paths.ts'

const MAX_REMOTES = 32
/**
 * Most new remote candidates in a minute. Each makes this agent send checks to an address that the other end has
 * chosen.
 */
const MAX_NEW_REMOTES = 64
/** Longest time after which a lane tells of packets on a path, which by then may have been left by the other end. */
const TOLD_LATE_MS = 500

/**
 * Known candidates of both ends and their pairs. A remote candidate has a pair for each local way of its family: from
 * the own socket, and from each allocation at a relay that may lead there.
 */
export class CandidatePairs {
  readonly #role: IceRole
  readonly #relayed: RelayedPaths
  readonly #remotes = new Map<Endpoint, Candidate>()
  readonly #pairs = new Map<TunnelPath, CandidatePair>()
  /** Time from which another pair may be checked first, by relayed endpoint, or `''` for the own sockets. */
  readonly #paceFrom = new Map<Endpoint | '', Instant>()
  /** Remote candidates whose pairs over relays, of either end, are not made yet. */
  readonly #unrelayed = new Map<Endpoint, Candidate>()
  /** Time from which pairs over relays are made at once: the end of the direct pairs' head start. */
  #relaysFrom: Instant | undefined
  /** Pairs by priority, as long as none has changed: they are gone through at each message. */
  #sorted: readonly CandidatePair[] | undefined
  #locals: readonly Candidate[] = []
  #minuteEndsAt: Instant | undefined
  #newThisMinute = 0

  constructor(role: IceRole, relayed: RelayedPaths) {
    this.#role = role
    this.#relayed = relayed
  }

  get hasRemotes(): boolean {
    return this.#remotes.size > 0
  }

  /** Endpoints of the remote candidates that were signalled. */
  get offered(): Endpoint[] {
    return [...this.#remotes.values()].flatMap(({ type, endpoint }) => (type === 'prflx' ? [] : endpoint))
  }

  /** Endpoints of the remote candidates that were signalled, without those at relays. */
  get offeredAddresses(): Endpoint[] {
    return [...this.#remotes.values()].flatMap(({ type, endpoint }) =>
      type === 'prflx' || type === 'relay' ? [] : endpoint,
    )
  }

  /** Paths on which the peer is likely reached: to the first of its own addresses, outside of a NAT, and over a relay. */
  get likeliest(): TunnelPath[] {
    const pairs = [...this]
    const direct = pairs.filter((pair) => !isRelayed(pair))
    const [host, outside] = (['host', 'srflx'] as const).map((type) =>
      direct.find(({ remote }) => remote.type === type),
    )
    return [host, outside, pairs.find(isRelayed)].flatMap((pair) => pair?.path ?? [])
  }

  get(path: TunnelPath): CandidatePair | undefined {
    return this.#pairs.get(path)
  }

  has(pair: CandidatePair): boolean {
    return this.#pairs.get(pair.path) === pair
  }

  /** Returns the pairs of a remote candidate. */
  of(remote: Endpoint): CandidatePair[] {
    return [...this.#pairs.values()].filter((pair) => pair.remote.endpoint === remote)
  }

  [Symbol.iterator](): IterableIterator<CandidatePair> {
    return this.#pairs.values()
  }

  /** Returns the pairs, highest priority first. */
  byPriority(): readonly CandidatePair[] {
    return (this.#sorted ??= [...this.#pairs.values()].sort((a, b) => comparePairs(b, a, this.#role)))
  }

  /** Whether a valid pair other than this one has answered since a time. */
  hasAnswered(since: Instant, besides: CandidatePair): boolean {
    for (const pair of this.#pairs.values()) {
      if (pair !== besides && pair.state === 'valid' && (pair.answeredAt ?? -Infinity) >= since) return true
    }
    return false
  }

  /** Whether the other end answers at an endpoint that it was first heard from after it was last heard on a path. */
  hasSuccessor({ heardAt }: CandidatePair): boolean {
    for (const { remote, state, firstHeardAt } of this.#pairs.values()) {
      if (remote.type !== 'prflx' || state !== 'valid' || firstHeardAt === undefined) continue
      if (after(firstHeardAt, TOLD_LATE_MS) > (heardAt ?? -Infinity)) return true
    }
    return false
  }

  /** Reads a path on which the other end was heard; undefined for an unknown path. `priority`: of a candidate that was not signalled. */
  hearing(path: TunnelPath, priority: number): Hearing | undefined {
    const { to, channel } = splitPath(path)
    const ends = channel === undefined ? { allocation: undefined, peer: to } : this.#relayed.endsOf(path as ChannelPath)
    const source = splitEndpoint(ends?.peer ?? '')
    if (ends === undefined || source === undefined) return undefined
    return { allocation: ends.allocation, remote: peerReflexive(source, priority) }
  }

  /** Returns the best valid pair over a relay that has no relay in common with another pair. */
  spareOf(used: CandidatePair): CandidatePair | undefined {
    return this.byPriority().find((pair) => pair.state === 'valid' && isRelayed(pair) && !shareRelay(pair, used))
  }

  /**
   * Replaces the local candidates; removes the pairs of ways that are gone. Returns whether the host candidates'
   * endpoints have changed: checks are sent from these (RFC 8445 §6.1.2.4), whatever the others are.
   */
  changeLocals(candidates: readonly Candidate[], now: Instant): boolean {
    const before = hostEndpoints(this.#locals)
    this.#locals = candidates
    this.#sorted = undefined
    for (const pair of this.#pairs.values()) {
      const local = this.#localLike(pair)
      if (local === undefined) this.#pairs.delete(pair.path)
      else pair.local = local
    }
    for (const remote of this.#remotes.values()) this.#pairAll(remote, now)
    return before !== hostEndpoints(candidates)
  }

  /** Counts a remote candidate if it is new; returns whether the limit for this minute permits it. */
  mayAdd(remote: Candidate, now: Instant): boolean {
    if (this.#remotes.has(remote.endpoint)) return true
    if (this.#minuteEndsAt === undefined || now >= this.#minuteEndsAt) {
      this.#minuteEndsAt = after(now, MINUTE)
      this.#newThisMinute = 0
    }
    return ++this.#newThisMinute <= MAX_NEW_REMOTES
  }

  /**
   * Adds a remote candidate. If there are too many, it replaces a peer-reflexive one: a client that moves between NATs
   * leaves some behind, which are never signalled as removed. Returns false if there is no room.
   */
  add(remote: Candidate, { inUse, now }: { inUse: CandidatePair | undefined; now: Instant }): boolean {
    if (!this.#makeRoom(remote.endpoint, inUse)) return false
    this.#remotes.set(remote.endpoint, remote)
    this.#sorted = undefined
    // A candidate that was learned from a check takes the priority with which it is signalled later.
    for (const pair of this.of(remote.endpoint)) pair.remote = remote
    this.#pairAll(remote, now)
    return true
  }

  /**
   * Returns the pair of the path on which a check has arrived, and makes one with `remote`, a peer-reflexive candidate,
   * if there is none. Undefined if there is no room for it, or its way is gone.
   */
  hear(
    path: TunnelPath,
    { allocation, remote, inUse, now }: Hearing & { inUse: CandidatePair | undefined; now: Instant },
  ): CandidatePair | undefined {
    const known = this.get(path)
    if (known !== undefined) return known
    const local = allocation === undefined ? this.#ownSocket(remote) : this.#allocation(allocation)
    if (local === undefined || !this.#makeRoom(remote.endpoint, inUse)) return undefined
    const signalled = this.#remotes.get(remote.endpoint)
    if (signalled === undefined) this.#remotes.set(remote.endpoint, remote)
    // Triggered checks are not paced.
    const pair = newPair(path, { local, remote: signalled ?? remote, nextCheckAt: now })
    this.#pairs.set(path, pair)
    this.#sorted = undefined
    return pair
  }

  /**
   * Whether a pair's path leads to its remote candidate: the channel of one that was not used for long may be another
   * peer's by now.
   */
  isCurrent({ path, local, remote }: CandidatePair): boolean {
    return local.type !== 'relay' || this.#relayed.endsOf(path as ChannelPath)?.peer === remote.endpoint
  }

  /** Replaces a pair whose path leads elsewhere. */
  renew({ path, remote }: CandidatePair, now: Instant): void {
    this.#pairs.delete(path)
    this.#sorted = undefined
    this.#pairAll(remote, now)
  }

  /** Time at which to call `pairOverRelays`; undefined if no candidate waits for it. */
  get relaysFrom(): Instant | undefined {
    return this.#unrelayed.size === 0 ? undefined : this.#relaysFrom
  }

  /**
   * Makes the pairs over relays of the remote candidates that wait for it, once the head start of direct pairs is over or
   * if there is none. Returns whether there are more pairs then.
   */
  pairOverRelays(now: Instant): boolean {
    if (this.#unrelayed.size === 0) return false
    this.#relaysFrom ??= after(now, HEAD_START_MS)
    if (now < this.#relaysFrom && [...this].some((pair) => !isRelayed(pair))) return false
    this.#relaysFrom = now
    const waiting = [...this.#unrelayed.values()]
    this.#unrelayed.clear()
    const before = this.#pairs.size
    for (const remote of waiting) this.#pairOverRelays(remote, now)
    return this.#pairs.size > before
  }

  /** Removes a remote candidate with its pairs. */
  remove(endpoint: Endpoint): void {
    this.#remotes.delete(endpoint)
    this.#unrelayed.delete(endpoint)
    this.#sorted = undefined
    for (const { path } of this.of(endpoint)) this.#pairs.delete(path)
  }

  #pairAll(remote: Candidate, now: Instant): void {
    const own = this.#ownSocket(remote)
    if (remote.type === 'prflx') {
      // Learned on one way, it says nothing of the others; where that one was gone for a while, it is tried again.
      if (own !== undefined && this.of(remote.endpoint).length === 0)
        this.#pair(remote.endpoint, { local: own, remote, now })
      return
    }
    if (own !== undefined && remote.type !== 'relay') this.#pair(remote.endpoint, { local: own, remote, now })
    if (this.#relaysFrom === undefined || now < this.#relaysFrom) this.#unrelayed.set(remote.endpoint, remote)
    else this.#pairOverRelays(remote, now)
  }

  /** Pairs a remote candidate with allocations, and one at the other end's relay with the own socket, too. */
  #pairOverRelays(remote: Candidate, now: Instant): void {
    const own = remote.type === 'relay' ? this.#ownSocket(remote) : undefined
    if (own !== undefined) this.#pair(remote.endpoint, { local: own, remote, now })
    for (const local of this.#waysByRelay(remote)) {
      const path = this.#relayed.pathTo(local.endpoint, remote.endpoint, now)
      if (path !== undefined) this.#pair(path, { local, remote, now })
    }
  }

  /**
   * Returns the allocations to pair with a remote candidate. Both ends usually have the same relays: what is at one of
   * them is reached by the allocation there, and the others would only take channels, of which a gateway has 4096.
   */
  #waysByRelay(remote: Candidate): Candidate[] {
    const all = this.#locals.filter(({ type, family }) => type === 'relay' && family === remote.family)
    const there = remote.type === 'relay' ? all.filter(({ address }) => address === remote.address) : []
    return (there.length > 0 ? there : all).filter((local) => mayReach(local, remote))
  }

  #pair(path: TunnelPath, { local, remote, now }: { local: Candidate; remote: Candidate; now: Instant }): void {
    if (this.#pairs.get(path)?.remote.endpoint === remote.endpoint) return
    this.#sorted = undefined
    this.#pairs.set(path, newPair(path, { local, remote, nextCheckAt: this.#pace(local, now) }))
  }

  /**
   * Reserves the time for the first check of another pair. Ways have a pace of their own each, so that those over relays
   * delay no direct one, nor the other way round.
   */
  #pace({ type, endpoint }: Candidate, now: Instant): Instant {
    const way = type === 'relay' ? endpoint : ''
    const from = this.#paceFrom.get(way)
    const at = from === undefined || from < now ? now : from
    this.#paceFrom.set(way, after(at, PACE_MS))
    return at
  }

  #makeRoom(endpoint: Endpoint, inUse: CandidatePair | undefined): boolean {
    if (this.#remotes.has(endpoint) || this.#remotes.size < MAX_REMOTES) return true
    const dispensable = this.#mostDispensable(inUse)
    if (dispensable !== undefined) this.remove(dispensable.endpoint)
    return dispensable !== undefined
  }

  /**
   * Returns the least useful peer-reflexive candidate that is not in use; among equals the one heard from longest ago.
   */
  #mostDispensable(inUse: CandidatePair | undefined): Candidate | undefined {
    let first: { remote: Candidate; worth: number; heardAt: number } | undefined
    for (const remote of this.#remotes.values()) {
      const pairs = this.of(remote.endpoint)
      if (remote.type !== 'prflx' || pairs.some((pair) => pair === inUse)) continue
      const worth = Math.max(0, ...pairs.map(worthOf))
      const heardAt = Math.max(-Infinity, ...pairs.map((pair) => pair.heardAt ?? -Infinity))
      if (first === undefined || worth < first.worth || (worth === first.worth && heardAt < first.heardAt)) {
        first = { remote, worth, heardAt }
      }
    }
    return first?.remote
  }

  #localLike({ local, remote }: CandidatePair): Candidate | undefined {
    return local.type === 'relay' ? this.#allocation(local.endpoint) : this.#ownSocket(remote)
  }

  #ownSocket({ family }: Candidate): Candidate | undefined {
    return this.#locals.find((local) => local.family === family && local.type !== 'relay')
  }

  #allocation(endpoint: Endpoint): Candidate | undefined {
    return this.#locals.find((local) => local.type === 'relay' && local.endpoint === endpoint)
  }
}

/** Source of a check: its peer-reflexive candidate, and the allocation that it came through, if any. */
export interface Hearing {
  remote: Candidate
  allocation: Endpoint | undefined
}

/** Whether a relay may lead to a candidate: one outside of a private network refuses, or misses, addresses inside. */
const mayReach = (allocation: Candidate, remote: Candidate): boolean =>
  !isPrivate(remote.address) || isPrivate(allocation.address)

const hostEndpoints = (candidates: readonly Candidate[]): string =>
  candidates
    .flatMap(({ type, endpoint }) => (type === 'host' ? endpoint : []))
    .toSorted()
    .join()

/**
 * Ranks a pair by usefulness. STUN has no replay protection, so a recorded check can be sent from many addresses, which
 * then do not answer. Such silent pairs rank lowest; a pair that is not known to be silent is never removed before
 * them.
 */
const worthOf = ({ state, isSilent, answeredAt }: CandidatePair): number =>
  state === 'valid' ? 4 : (isSilent ? 0 : 2) + (answeredAt === undefined ? 0 : 1)
