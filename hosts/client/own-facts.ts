import { MAX_CLIENT_FACTS } from '../../core/contract/fact-source.ts'
import type { ClientFact, ToPortal } from '../../core/control/messages.ts'
import type { Deadline, Machine } from '../../core/runtime/machine.ts'
import { OutputQueue } from '../../core/runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../../core/runtime/time.ts'
import { TokenBucket } from '../../core/runtime/token-bucket.ts'
import type { OwnFactStatus } from './session/client-status.ts'

export type OwnFactsInput =
  /** A plugin has found out a fact of this machine; an absent value means that it is unknown. */
  | { type: 'factFound'; name: string; value: unknown; goodForMs: number }
  /** Facts that the portal wants to be told. `isNewConnection`: it has been told nothing on this connection. */
  | { type: 'factsWanted'; names: readonly string[]; isNewConnection: boolean }

export type OwnFactsOutput = { type: 'say'; message: ToPortal<'client'> }

interface Found {
  value: unknown
  /** Value as JSON; undefined if it is unknown. */
  text: string | undefined
  at: Instant
  goodForMs: number
  /** Whether it was found, again or for the first time, after it was last told. */
  isDue: boolean
  /** Value that the portal was last told on this connection, as JSON; undefined for none. */
  told: string | undefined
}

/** Interval in which unchanged facts are confirmed at most, and average interval of messages. */
const INTERVAL_MS = 5 * SECOND
/** Messages that may go at once, so that a change is told without delay. */
const BURST = 5
/** Most characters of the values of one message: the portal takes frames of 65,536. */
const MAX_MESSAGE_CHARACTERS = 32_768

/**
 * Facts of this machine that plugins find out: tells the portal those that it wants, at once when they change, and
 * confirms them as often as they are found again. What became too old is not told.
 */
export class OwnFacts implements Machine<OwnFactsInput, OwnFactsOutput> {
  readonly #found = new Map<string, Found>()
  readonly #outputs = new OutputQueue<OwnFactsOutput>()
  readonly #allowance = new TokenBucket({ perSecond: SECOND / INTERVAL_MS, burst: BURST })
  #wanted: ReadonlySet<string> = new Set()
  #toldAt: Instant | undefined
  #tellAt: Instant | undefined

  handle(input: OwnFactsInput, now: Instant): void {
    if (input.type === 'factFound') this.#note(input, now)
    else this.#want(input)
    this.#tell(now)
  }

  wake(now: Instant): void {
    if (this.#tellAt !== undefined && now >= this.#tellAt) this.#tell(now)
  }

  poll(): OwnFactsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#tellAt === undefined ? undefined : { at: this.#tellAt, reason: 'facts to be told' }
  }

  /** Returns the facts of this machine, sorted by name. */
  status(): OwnFactStatus[] {
    return [...this.#found]
      .map(([name, { value }]) => ({ name, value: value ?? null, is_told: this.#wanted.has(name) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #note({ name, value, goodForMs }: Extract<OwnFactsInput, { type: 'factFound' }>, now: Instant): void {
    const text = value === undefined ? undefined : JSON.stringify(value)
    const told = this.#found.get(name)?.told
    // The portal takes a fact that it was not told for unknown.
    this.#found.set(name, { value, text, at: now, goodForMs, isDue: text !== undefined || told !== undefined, told })
  }

  #want({ names, isNewConnection }: Extract<OwnFactsInput, { type: 'factsWanted' }>): void {
    const before = isNewConnection ? new Set<string>() : this.#wanted
    this.#wanted = new Set(names)
    for (const [name, found] of this.#found) {
      if (this.#wanted.has(name) && before.has(name)) continue
      found.told = undefined
      found.isDue = found.text !== undefined
    }
  }

  /** Tells what is due, if it may be told by now, and otherwise notes when. */
  #tell(now: Instant): void {
    this.#tellAt = undefined
    const due = [...this.#found].filter(
      ([name, { isDue, at, goodForMs }]) => isDue && this.#wanted.has(name) && now - at < goodForMs,
    )
    if (due.length === 0) return
    const isChange = due.some(([, { text, told }]) => text !== told)
    const earliest = isChange || this.#toldAt === undefined ? now : after(this.#toldAt, INTERVAL_MS)
    const allowed = after(now, Math.ceil(Math.max(0, this.#allowance.waitSeconds(now)) * SECOND))
    const at = earliest > allowed ? earliest : allowed
    if (at > now || !this.#allowance.take(now)) {
      this.#tellAt = at > now ? at : after(now, 1)
      return
    }
    const facts: ClientFact[] = []
    let characters = 0
    // Changes first, as not all may have room.
    for (const [name, found] of due.sort(([, a], [, b]) => Number(b.text !== b.told) - Number(a.text !== a.told))) {
      characters += found.text?.length ?? 0
      if (facts.length >= MAX_CLIENT_FACTS || characters > MAX_MESSAGE_CHARACTERS) break
      facts.push({ name, value: found.value, age_ms: Math.floor(now - found.at) })
      found.isDue = false
      found.told = found.text
    }
    this.#toldAt = now
    this.#outputs.push({ type: 'say', message: { event: 'clientFacts', payload: { facts } } })
    if (facts.length < due.length) this.#tell(now)
  }
}
