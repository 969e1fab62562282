import type { Endpoint } from '../runtime/endpoint.ts'
import { after, MINUTE, type Instant } from '../runtime/time.ts'
import type { Candidate } from './candidate.ts'
import { comparePairs, newPair, type CandidatePair } from './candidate-pair.ts'
import { PACE_MS } from './check-timing.ts'
import type { IceRole } from './connectivity-check.ts'

const MAX_REMOTES = 32
/**
 * Most new remote candidates in a minute. Each makes this agent send checks to an address that the other end has
 * chosen.
 */
const MAX_NEW_REMOTES = 64

/** Known candidates of both ends and their pairs, one for each remote candidate. */
export class CandidatePairs {
  readonly #role: IceRole
  readonly #remotes = new Map<Endpoint, Candidate>()
  readonly #pairs = new Map<Endpoint, CandidatePair>()
  #locals: readonly Candidate[] = []
  #paceFrom: Instant
  #minuteEndsAt: Instant | undefined
  #newThisMinute = 0

  constructor(role: IceRole, now: Instant) {
    this.#role = role
    this.#paceFrom = now
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

  get(path: Endpoint): CandidatePair | undefined {
    return this.#pairs.get(path)
  }

  has(pair: CandidatePair): boolean {
    return this.#pairs.get(pair.path) === pair
  }

  [Symbol.iterator](): IterableIterator<CandidatePair> {
    return this.#pairs.values()
  }

  /** Returns the pairs, highest priority first. */
  byPriority(): CandidatePair[] {
    return [...this.#pairs.values()].sort((a, b) => comparePairs(b, a, this.#role))
  }

  /**
   * Replaces the local candidates; removes the pairs of a family that has none. Returns whether the host candidates'
   * endpoints have changed: checks are sent from these (RFC 8445 §6.1.2.4), whatever the others are.
   */
  changeLocals(candidates: readonly Candidate[], now: Instant): boolean {
    const before = hostEndpoints(this.#locals)
    this.#locals = candidates
    for (const pair of this.#pairs.values()) {
      const local = this.#localOf(pair.remote)
      if (local === undefined) this.#pairs.delete(pair.path)
      else pair.local = local
    }
    for (const remote of this.#remotes.values()) this.#pair(remote, now)
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
    if (!this.#remotes.has(remote.endpoint) && this.#remotes.size >= MAX_REMOTES) {
      const dispensable = this.#mostDispensable(inUse)
      if (dispensable === undefined) return false
      this.remove(dispensable.endpoint)
    }
    this.#remotes.set(remote.endpoint, remote)
    this.#pair(remote, now)
    return true
  }

  remove(path: Endpoint): void {
    this.#remotes.delete(path)
    this.#pairs.delete(path)
  }

  #pair(remote: Candidate, now: Instant): void {
    const known = this.#pairs.get(remote.endpoint)
    // A candidate that was learned from a check takes the priority with which it is signalled later.
    if (known !== undefined && remote.type !== 'prflx') known.remote = remote
    const local = this.#localOf(remote)
    if (local === undefined || known !== undefined) return
    this.#pairs.set(remote.endpoint, newPair(local, remote, remote.type === 'prflx' ? now : this.#pace(now)))
  }

  /** Reserves the time for the first check of another pair. Triggered checks are not paced. */
  #pace(now: Instant): Instant {
    const at = this.#paceFrom < now ? now : this.#paceFrom
    this.#paceFrom = after(at, PACE_MS)
    return at
  }

  /**
   * Returns the least useful peer-reflexive candidate that is not in use; among equals the one heard from longest ago.
   */
  #mostDispensable(inUse: CandidatePair | undefined): Candidate | undefined {
    let first: { remote: Candidate; worth: number; heardAt: number } | undefined
    for (const remote of this.#remotes.values()) {
      const pair = this.#pairs.get(remote.endpoint)
      if (remote.type !== 'prflx' || (pair !== undefined && pair === inUse)) continue
      const worth = pair === undefined ? 0 : worthOf(pair)
      const heardAt = pair?.heardAt ?? -Infinity
      if (first === undefined || worth < first.worth || (worth === first.worth && heardAt < first.heardAt)) {
        first = { remote, worth, heardAt }
      }
    }
    return first?.remote
  }

  #localOf({ family }: Candidate): Candidate | undefined {
    return this.#locals.find((local) => local.family === family)
  }
}

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
