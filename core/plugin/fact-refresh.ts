import type { BroughtFact, Extension, Extensions } from '../contract/extension-point.ts'
import type { FactSource } from '../contract/fact-source.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Startable } from '../runtime/lifecycle.ts'
import type { Logger } from '../runtime/logger.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { stackText } from './error-text.ts'

export interface FactRefreshOptions<Snapshot> {
  sources: Extensions<FactSource>
  clock: Clock
  logger: Logger
  /** Returns the keys of a fact that were asked for. */
  keysOf: (name: string) => readonly string[]
  /** Returns a frozen copy of a source's answer, and throws if it is not in order. */
  check: (answer: unknown, schema: BroughtFact['schema']) => Snapshot
  /** Called with each snapshot that is in order. */
  learned: (fact: BroughtFact, snapshot: Snapshot) => void
}

/** Time limit of one refresh. */
const DEADLINE_MS = 10 * SECOND
/** Least time between the beginnings of two refreshes of one fact, however often it changes. */
const MIN_GAP_MS = 100

/** Keeps the facts that plugins bring fresh: in the declared intervals, for new keys, and when a source says that it changed. */
export class FactRefresh<Snapshot> implements Startable {
  readonly #loops: ReadonlyMap<string, SourceLoop<Snapshot>>

  constructor(options: FactRefreshOptions<Snapshot>) {
    this.#loops = new Map(
      [...options.sources.values()].flatMap((source): [string, SourceLoop<Snapshot>][] =>
        source.brings === undefined ? [] : [[source.brings.fact.name, new SourceLoop(source, source.brings, options)]],
      ),
    )
  }

  /** Waits for the first snapshot of each source, or its failure: a restart must not take away what rests on facts. */
  async start(): Promise<void> {
    await Promise.all([...this.#loops.values()].map(async (loop) => loop.start()))
  }

  stop(): void {
    for (const loop of this.#loops.values()) loop.stop()
  }

  /** Refreshes a fact as soon as it may be. */
  refresh(name: string): void {
    this.#loops.get(name)?.due()
  }
}

class SourceLoop<Snapshot> {
  readonly #source: Extension<FactSource>
  readonly #brings: BroughtFact
  readonly #options: FactRefreshOptions<Snapshot>
  #begunAt: Instant | undefined
  #isRunning = false
  #isDueAgain = false
  #isFailing = false
  #isStopped = false
  #cancel: (() => void) | undefined
  #abort: AbortController | undefined
  #unwatch: (() => void) | undefined

  constructor(source: Extension<FactSource>, brings: BroughtFact, options: FactRefreshOptions<Snapshot>) {
    this.#source = source
    this.#brings = brings
    this.#options = options
  }

  async start(): Promise<void> {
    try {
      this.#unwatch = this.#source.value.watch?.(() => this.due())
    } catch (error) {
      this.#failed(error)
    }
    await this.#run()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
    this.#abort?.abort(new Error('the host stops'))
    try {
      this.#unwatch?.()
    } catch (error) {
      this.#failed(error)
    }
  }

  due(): void {
    if (this.#isRunning) {
      this.#isDueAgain = true
      return
    }
    const { clock } = this.#options
    const earliest = this.#begunAt === undefined ? clock.now() : after(this.#begunAt, MIN_GAP_MS)
    if (clock.now() >= earliest) void this.#run()
    else this.#arm(earliest)
  }

  #arm(at: Instant): void {
    this.#cancel?.()
    if (this.#isStopped) return
    this.#cancel = this.#options.clock.wake(at, () => void this.#run())
  }

  async #run(): Promise<void> {
    if (this.#isStopped || this.#isRunning) return
    this.#cancel?.()
    this.#isRunning = true
    this.#isDueAgain = false
    const begun = this.#options.clock.now()
    this.#begunAt = begun
    try {
      const snapshot = this.#options.check(await this.#answer(begun), this.#brings.schema)
      this.#isFailing = false
      if (!this.#isStopped) this.#options.learned(this.#brings, snapshot)
    } catch (error) {
      this.#failed(error)
    }
    this.#isRunning = false
    this.#arm(after(begun, this.#isDueAgain ? MIN_GAP_MS : this.#brings.everyMs))
  }

  async #answer(begun: Instant): Promise<unknown> {
    const { clock, keysOf } = this.#options
    const abort = new AbortController()
    this.#abort = abort
    const { signal } = abort
    const cancel = clock.wake(after(begun, DEADLINE_MS), () => abort.abort(new Error('it has not answered in 10 s')))
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
    try {
      const keys = Object.freeze(keysOf(this.#brings.fact.name))
      return await Promise.race([this.#source.value.refresh(Object.freeze({ keys, signal })), aborted])
    } finally {
      cancel()
    }
  }

  /** Logs the first failure of a row of them. */
  #failed(error: unknown): void {
    if (this.#isStopped || this.#isFailing) return
    this.#isFailing = true
    const { plugin } = this.#source
    this.#options.logger.warn({ plugin, fact: this.#brings.fact.name, error: stackText(error) }, 'a fact source failed')
  }
}
