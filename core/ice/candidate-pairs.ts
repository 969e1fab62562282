import type { Endpoint } from '../runtime/endpoint.ts'
import { after, MINUTE, type Instant } from '../runtime/time.ts'
import type { Candidate } from './candidate.ts'
import { comparePairs, newPair, type CandidatePair } from './candidate-pair.ts'
import { PACE_MS } from './check-timing.ts'
import type { IceRole } from './connectivity-check.ts'

const MAX_REMOTES = 32
/** New ones of the other end's in a minute: whoever takes some back and names others has us send to all of them. */
const MAX_NEW_REMOTES = 64

/** The candidates of both ends, as far as they are known, and the pairs that they make, one for each of the other end's. */
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

  get(path: Endpoint): CandidatePair | undefined {
    return this.#pairs.get(path)
  }

  has(pair: CandidatePair): boolean {
    return this.#pairs.get(pair.path) === pair
  }

  [Symbol.iterator](): IterableIterator<CandidatePair> {
    return this.#pairs.values()
  }

  /** The best first. */
  byPriority(): CandidatePair[] {
    return [...this.#pairs.values()].sort((a, b) => comparePairs(b, a, this.#role))
  }

  /** All of ours. Pairs of a family that is gone are over. Says whether an endpoint differs from before. */
  changeLocals(candidates: readonly Candidate[], now: Instant): boolean {
    const before = this.#locals.map(({ endpoint }) => endpoint).join()
    this.#locals = candidates
    for (const pair of this.#pairs.values()) {
      const local = this.#localOf(pair.remote)
      if (local === undefined) this.#pairs.delete(pair.path)
      else pair.local = local
    }
    for (const remote of this.#remotes.values()) this.#pair(remote, now)
    return before !== candidates.map(({ endpoint }) => endpoint).join()
  }

  /** Whether the other end may name one more place that it did not name before, this minute. */
  mayAdd(remote: Candidate, now: Instant): boolean {
    if (this.#remotes.has(remote.endpoint)) return true
    if (this.#minuteEndsAt === undefined || now >= this.#minuteEndsAt) {
      this.#minuteEndsAt = after(now, MINUTE)
      this.#newThisMinute = 0
    }
    return ++this.#newThisMinute <= MAX_NEW_REMOTES
  }

  /**
   * One of the other end's. Where there are too many, it takes the place of a reflexive one: a client that moves from one NAT to the next leaves one behind
   * each time, of which nobody says that it is gone. False for no room.
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
    // What was first learned from a check has a signalled priority as well.
    if (known !== undefined && remote.type !== 'prflx') known.remote = remote
    const local = this.#localOf(remote)
    if (local === undefined || known !== undefined) return
    this.#pairs.set(remote.endpoint, newPair(local, remote, remote.type === 'prflx' ? now : this.#pace(now)))
  }

  /** When another first check may be sent. Those that answer one of the other end's do not wait, nor does anybody for them. */
  #pace(now: Instant): Instant {
    const at = this.#paceFrom < now ? now : this.#paceFrom
    this.#paceFrom = after(at, PACE_MS)
    return at
  }

  /** Of the reflexive ones that are not in use; of two that are alike the one heard longest ago. */
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

/**
 * STUN knows no replays: whoever saw one check may send it from any number of addresses, where nobody answers ours. Those go first once that is
 * known, and before it is known nothing goes for them that may still be of use.
 */
const worthOf = ({ state, isSilent, answeredAt }: CandidatePair): number =>
  state === 'valid' ? 4 : (isSilent ? 0 : 2) + (answeredAt === undefined ? 0 : 1)
