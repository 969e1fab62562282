// Keeps what a client or gateway needs of its machine in force beside the programs that own the machine as well: DHCP
// clients, network services, firewalls, container runtimes. The machine is divided into parts (routes, filter, resolver
// …); each is compared with what is wanted when something stirs, and every few seconds, and repaired if it lacks
// something. A part that somebody else keeps changing is left to them, and reported.
import type { HostProblem } from '../runtime/host-problems.ts'
import { earliest, type Deadline, type Machine } from '../runtime/machine.ts'
import { NewsFilter } from '../runtime/news-filter.ts'
import type { Note } from '../runtime/note.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { after, MINUTE, SECOND, type Instant } from '../runtime/time.ts'

/** Difference between what is wanted of a part and what is there. */
export interface Comparison {
  /** Things that are missing or wrong, in words without addresses: `the rule with priority 100`. Empty if in force. */
  lacking: readonly string[]
  /** Problems that no repair solves. */
  problems: readonly HostProblem[]
  /** Whether all that is lacking concerns IPv6 alone: it is reported, and blocks nothing, as packets of IPv4 pass. */
  isIpv6Only?: boolean
  /** Whether something else is wanted than was put in force, as the machine has changed. */
  isOutdated?: boolean
}

export type ReconcilerInput =
  /**
   * A part is wanted from now on, or something else is wanted of it. `isUnwatched`: `stirred` does not tell of its
   * changes, whatever `watched` says.
   */
  | { type: 'wanted'; part: string; isUnwatched?: boolean }
  | { type: 'unwanted'; part: string }
  /** Something has changed on the machine that may concern all parts. */
  | { type: 'stirred' }
  /** Whether `stirred` tells of changes from here on, so that comparing from time to time suffices. */
  | { type: 'watched'; isWatched: boolean }
  /** Answer to `compare`. */
  | ({ type: 'compared'; part: string } & Comparison)
  /** Answer to `repair`. */
  | { type: 'repaired'; part: string }
  /** Answer to `compare` or `repair` that failed. */
  | { type: 'failed'; part: string; problem: HostProblem }

export type ReconcilerOutput =
  /** Compare a part with what is wanted of it; answered by `compared` or `failed`. */
  | { type: 'compare'; part: string }
  /** Make a part as it is wanted; answered by `repaired` or `failed`. */
  | { type: 'repair'; part: string }
  /** The problems have changed. */
  | { type: 'problemsChanged' }
  | Note

/** Interval at which a part is compared where nothing tells of changes. */
export const LOOK_EVERY_MS = 4 * SECOND
/** The same where changes are told: each comparison costs a few processes. */
export const LOOK_WATCHED_EVERY_MS = 1 * MINUTE
/** Time for which a watch is not relied on, as it may begin later than it says. */
const WATCH_BEGINS_MS = 10 * SECOND
/** Time after which a stir is looked at, as changes come in bursts. */
const SETTLE_MS = 100
/** Shortest interval at which a part is compared, however much stirs: routers and container hosts change all the time. */
const REST_MS = 500
/** Delay of a repair after so many overwrites within `WAR_MS`. */
const REPAIR_DELAYS_MS = [0, 0, 100, 250, 500]
/** A part that was overwritten `WAR_COUNT` times within this time is left to whoever does that. */
const WAR_MS = 1 * MINUTE
const WAR_COUNT = 5
/** Time for which a contested part is left alone, doubled each time to `MAX_TRUCE_MS`. */
const TRUCE_MS = 1 * MINUTE
const MAX_TRUCE_MS = 15 * MINUTE
/** Delay of the next attempt after the first failed one, doubled each time to `MAX_RETRY_MS`. */
const RETRY_MS = 500
const MAX_RETRY_MS = 1 * MINUTE

/** Shortest interval at which a part follows changes of the machine. */
const REFRESH_MS = 1 * SECOND

interface PartState {
  isUnwatched: boolean
  /** Effect that was asked for and not answered; with `again`, the answer is out of date when it comes. */
  pending: 'compare' | 'repair' | undefined
  again: 'compare' | 'repair' | undefined
  /** Whether the part was found in force since the last repair. */
  isInForce: boolean
  /** Whether it was ever found in force since it is wanted. */
  wasInForce: boolean
  /** Time since which it was found in force, where it is. */
  inForceAt: Instant
  lookAt: Instant | undefined
  /** Time of the last comparison. */
  lookedAt: Instant
  repairAt: Instant | undefined
  /** Times at which the part was found undone within the last `WAR_MS`. */
  undoneAt: Instant[]
  refreshedAt: Instant | undefined
  truceMs: number
  isContested: boolean
  failures: number
  found: readonly HostProblem[]
  trouble: HostProblem | undefined
}

/** Machine that decides when to compare the parts of this machine's configuration, and when to repair them. */
export class Reconciler implements Machine<ReconcilerInput, ReconcilerOutput> {
  readonly #role: string
  readonly #parts = new Map<string, PartState>()
  readonly #outputs = new OutputQueue<ReconcilerOutput>()
  readonly #news = new NewsFilter()
  #watchedSince: Instant | undefined
  #problems: readonly HostProblem[] = []

  /** `role`: who needs the configuration, for messages: `client`. */
  constructor({ role }: { role: string }) {
    this.#role = role
  }

  /** Present problems of all parts, in the order in which the parts were first wanted. */
  get problems(): readonly HostProblem[] {
    return this.#problems
  }

  handle(input: ReconcilerInput, now: Instant): void {
    if (input.type === 'stirred') {
      for (const state of this.#parts.values()) {
        const [settled, rested] = [after(now, SETTLE_MS), after(state.lookedAt, REST_MS)]
        this.#lookBy(state, settled > rested ? settled : rested)
      }
      return
    }
    if (input.type === 'watched') return this.#watch(input.isWatched, now)
    if (input.type === 'wanted') return this.#want(input, now)
    const state = this.#parts.get(input.part)
    if (state === undefined) return
    switch (input.type) {
      case 'unwanted':
        this.#parts.delete(input.part)
        break
      case 'compared':
        if (this.#isStale(input.part, state)) return
        this.#compared(input.part, state, input, now)
        break
      case 'repaired':
        if (this.#isStale(input.part, state)) return
        this.#ask(input.part, state, 'compare')
        return
      case 'failed': {
        if (this.#isStale(input.part, state)) return
        state.trouble = input.problem
        state.isInForce = false
        state.repairAt = after(now, retryMs(state.failures++))
        state.lookAt = undefined
      }
    }
    this.#tellProblems(now)
  }

  wake(now: Instant): void {
    for (const [part, state] of this.#parts) {
      if (state.pending !== undefined) continue
      if (state.repairAt !== undefined && state.repairAt <= now) this.#ask(part, state, 'repair')
      else if (state.lookAt !== undefined && state.lookAt <= now) this.#ask(part, state, 'compare')
    }
  }

  poll(): ReconcilerOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    let first: Deadline | undefined
    for (const [part, { pending, repairAt, lookAt }] of this.#parts) {
      if (pending !== undefined) continue
      const repair = repairAt && { at: repairAt, reason: `repair ${part}` }
      first = earliest(first, repair, lookAt && { at: lookAt, reason: `compare ${part}` })
    }
    return first
  }

  #lookEveryMs({ isUnwatched }: PartState, now: Instant): number {
    const since = this.#watchedSince
    const isWatched = !isUnwatched && since !== undefined && now >= after(since, WATCH_BEGINS_MS)
    return isWatched ? LOOK_WATCHED_EVERY_MS : LOOK_EVERY_MS
  }

  #watch(isWatched: boolean, now: Instant): void {
    if (isWatched === (this.#watchedSince !== undefined)) return
    this.#watchedSince = isWatched ? now : undefined
    // A change that was missed is found by a comparison.
    for (const state of this.#parts.values()) this.#lookBy(state, after(now, SETTLE_MS))
  }

  #want({ part, isUnwatched = false }: { part: string; isUnwatched?: boolean }, now: Instant): void {
    const state: PartState = this.#parts.get(part) ?? {
      isUnwatched,
      pending: undefined,
      again: undefined,
      isInForce: false,
      wasInForce: false,
      inForceAt: now,
      lookAt: undefined,
      lookedAt: now,
      repairAt: undefined,
      undoneAt: [],
      refreshedAt: undefined,
      truceMs: TRUCE_MS,
      isContested: false,
      failures: 0,
      found: [],
      trouble: undefined,
    }
    this.#parts.set(part, state)
    state.isInForce = false
    this.#ask(part, state, 'repair')
  }

  #ask(part: string, state: PartState, type: 'compare' | 'repair'): void {
    if (state.pending !== undefined) {
      if (state.again !== 'repair') state.again = type
      return
    }
    state.pending = type
    state.lookAt = undefined
    if (type === 'repair') state.repairAt = undefined
    this.#outputs.push({ type, part })
  }

  /** Takes an answer; returns true, and asks again, if something was wanted meanwhile. */
  #isStale(part: string, state: PartState): boolean {
    const { again } = state
    state.pending = undefined
    state.again = undefined
    if (again === undefined) return false
    this.#ask(part, state, again)
    return true
  }

  #lookBy(state: PartState, at: Instant): void {
    if (state.pending !== undefined) state.again ??= 'compare'
    else if (state.lookAt === undefined || at < state.lookAt) state.lookAt = at
  }

  #compared(part: string, state: PartState, comparison: Comparison, now: Instant): void {
    const { lacking, problems, isOutdated = false } = comparison
    const lack = { part, lacking, blocks: comparison.isIpv6Only !== true }
    state.found = problems
    state.lookedAt = now
    state.lookAt = after(now, this.#lookEveryMs(state, now))
    if (lacking.length === 0) {
      const wasInForce = state.isInForce
      this.#inForce(state, now)
      if (!isOutdated || !wasInForce) return
      const soonest = state.refreshedAt === undefined ? now : after(state.refreshedAt, REFRESH_MS)
      state.repairAt = soonest > now ? soonest : now
      state.refreshedAt = state.repairAt
      return
    }
    // A repair is due already: after a failure, or in a truce.
    if (state.repairAt !== undefined) return
    // A part that lacks something right after its repair was undone at that very moment, or cannot be put in force.
    const isIncomplete = !state.isInForce
    state.isInForce = false
    state.undoneAt = [...state.undoneAt.filter((at) => now < after(at, WAR_MS)), now]
    if (!isIncomplete && this.#news.isNews(part, lacking.join(), now)) {
      this.#outputs.push({
        type: 'note',
        message: `another program undid what the ${this.#role} needs of this machine: it is put in force again`,
        fields: { part, lacking },
      })
    }
    state.wasInForce ||= !isIncomplete
    if (state.undoneAt.length < WAR_COUNT && !state.isContested) {
      if (isIncomplete && state.undoneAt.length > 1) state.trouble = incomplete(this.#role, lack)
      state.repairAt = after(now, REPAIR_DELAYS_MS[state.undoneAt.length] ?? 1 * SECOND)
      return
    }
    state.isContested = true
    state.trouble = (state.wasInForce ? contested : incomplete)(this.#role, lack)
    state.repairAt = after(now, state.truceMs)
    state.truceMs = Math.min(state.truceMs * 2, MAX_TRUCE_MS)
  }

  #inForce(state: PartState, now: Instant): void {
    if (!state.isInForce) state.inForceAt = now
    state.isInForce = true
    state.wasInForce = true
    state.repairAt = undefined
    state.failures = 0
    // A truce is over once the part was left alone for as long as a war takes. What is in force meanwhile keeps nobody out.
    if (state.isContested && now < after(state.inForceAt, WAR_MS)) {
      if (state.trouble !== undefined) state.trouble = { ...state.trouble, blocks: false }
      return
    }
    state.isContested = false
    state.trouble = undefined
    if (state.undoneAt.every((at) => now >= after(at, WAR_MS))) state.truceMs = TRUCE_MS
  }

  #tellProblems(now: Instant): void {
    const problems = [...this.#parts.values()].flatMap(({ found, trouble }) => [
      ...(trouble === undefined ? [] : [trouble]),
      ...found,
    ])
    if (JSON.stringify(problems) === JSON.stringify(this.#problems)) return
    const keyOf = ({ code, said }: HostProblem): string => `${code} ${said}`
    const [before, present] = [new Set(this.#problems.map(keyOf)), new Set(problems.map(keyOf))]
    for (const problem of problems) {
      const { code, said, remedy } = problem
      if (before.has(keyOf(problem)) || !this.#news.isNews(`problem ${keyOf(problem)}`, 'there', now)) continue
      const message = `this machine has a problem for the ${this.#role}`
      this.#outputs.push({ type: 'note', level: 'warn', message, fields: { code, said, remedy } })
    }
    for (const problem of this.#problems) {
      if (present.has(keyOf(problem)) || !this.#news.isNews(`problem ${keyOf(problem)}`, 'over', now)) continue
      const message = `a problem of this machine for the ${this.#role} is over`
      this.#outputs.push({ type: 'note', message, fields: { code: problem.code } })
    }
    this.#problems = problems
    this.#outputs.push({ type: 'problemsChanged' })
  }
}

const retryMs = (failures: number): number => Math.min(RETRY_MS * 2 ** Math.min(failures, 10), MAX_RETRY_MS)

/** Things that a part of the machine's configuration lacks, and whether packets do not pass without them. */
interface Lack {
  part: string
  lacking: readonly string[]
  blocks: boolean
}

const incomplete = (role: string, { part, lacking, blocks }: Lack): HostProblem => ({
  code: 'not_in_force',
  said: `the ${part} of the ${role} cannot be put in force: ${lacking.join(', ')}`,
  remedy: 'Look in the log at level debug for what was tried; it is tried again.',
  blocks,
})

const contested = (role: string, { part, lacking, blocks }: Lack): HostProblem => ({
  code: 'contested',
  said: `another program keeps undoing the ${part} of the ${role}: ${lacking.join(', ')}`,
  remedy:
    'Find the program (`ip monitor`, `nft monitor trace`, a service that writes the file), and let it leave that alone.',
  blocks,
})
