import type { Clock } from '../../../core/runtime/clock.ts'
import { drive, type Driven } from '../../../core/runtime/drive.ts'
import type { HostProblem, HostProblems } from '../../../core/runtime/host-problems.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { writeNote } from '../../../core/runtime/note.ts'
import { Reconciler, type ReconcilerInput, type ReconcilerOutput } from '../../../core/upkeep/reconciler.ts'
import type { HostPart } from './host-part.ts'

/** Hears of changes of the machine. */
export interface StirListener {
  /** Something has changed that may concern the upkeep. */
  stirred: () => void
  /** Whether `stirred` tells of all changes from here on, but for those of unwatched parts; false until it is called. */
  watched: (isWatched: boolean) => void
}

/** Tells a listener of changes of the machine. Returns how to end that. */
export type Stirs = (listener: StirListener) => () => void

export interface UpkeepOptions {
  /** Role that needs the configuration, for messages: `client`. */
  role: string
  clock: Clock
  logger?: Logger | undefined
  /** Source of events, beside the comparison every few seconds; none by default. */
  stirs?: Stirs
}

/** Error of a part that could not be put in force. Its problem is logged and shown already. */
export class HostProblemError extends Error {
  override readonly name = 'HostProblemError'
  /** Code of the cause, such as ENOSPC, or else that of the problem. */
  readonly code: string

  constructor(
    readonly problem: HostProblem,
    cause: unknown,
  ) {
    super(problem.said, { cause })
    this.code = cause instanceof Error && 'code' in cause ? String(cause.code) : problem.code
  }
}

interface Waiter {
  resolve: () => void
  reject: (error: Error) => void
}

/** Drives the machine that keeps parts of this machine's configuration in force, one piece of work after another. */
export class Upkeep implements HostProblems {
  readonly #machine: Reconciler
  readonly #driven: Driven<ReconcilerInput>
  readonly #logger: Logger | undefined
  readonly #stirs: Stirs
  readonly #parts = new Map<string, HostPart>()
  readonly #waiting = new Map<string, Waiter[]>()
  readonly #watchers = new Set<() => void>()
  #unstir: (() => void) | undefined
  #queue: Promise<unknown> = Promise.resolve()

  constructor({ role, clock, logger, stirs = () => () => undefined }: UpkeepOptions) {
    this.#logger = logger
    this.#stirs = stirs
    this.#machine = new Reconciler({ role })
    this.#driven = drive(this.#machine, { clock, perform: (output) => this.#perform(output) })
  }

  problems(): readonly HostProblem[] {
    return this.#machine.problems
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed)
    return () => this.#watchers.delete(changed)
  }

  /**
   * Makes a part as it is wanted, and keeps it so. Resolves after the first repair that begins from here on.
   * @throws HostProblemError if that repair failed; it is tried again
   */
  keep(part: HostPart): Promise<void> {
    this.#parts.set(part.name, part)
    this.#unstir ??= this.#stirs({
      stirred: () => this.stir(),
      watched: (isWatched) => this.#driven.dispatch({ type: 'watched', isWatched }),
    })
    return new Promise((resolve, reject) => {
      this.#waiting.set(part.name, [...(this.#waiting.get(part.name) ?? []), { resolve, reject }])
      const { name, isUnwatched = false } = part
      this.#driven.dispatch({ type: 'wanted', part: name, isUnwatched })
    })
  }

  /** Keeps a part no longer. Resolves with the result of `undo`, which runs after all work that was begun. */
  release<T>(part: HostPart, undo: () => Promise<T>): Promise<T> {
    this.#parts.delete(part.name)
    this.#driven.dispatch({ type: 'unwanted', part: part.name })
    for (const { resolve } of this.#take(part.name)) resolve()
    if (this.#parts.size === 0) {
      this.#unstir?.()
      this.#unstir = undefined
      this.#driven.dispatch({ type: 'watched', isWatched: false })
    }
    return this.inTurn(undo)
  }

  /** Tells that something has changed that may concern the parts. */
  stir(): void {
    this.#driven.dispatch({ type: 'stirred' })
  }

  /** Runs work after all that was begun, because each piece reads the present state before it writes. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  #perform(output: ReconcilerOutput): void {
    switch (output.type) {
      case 'compare':
      case 'repair':
        return void this.inTurn(() => this.#work(output.type, output.part))
      case 'problemsChanged':
        for (const changed of this.#watchers) changed()
        return
      case 'note':
        if (this.#logger !== undefined) writeNote(output, this.#logger)
    }
  }

  async #work(type: 'compare' | 'repair', name: string): Promise<void> {
    const part = this.#parts.get(name)
    if (part === undefined) return
    const waiters = type === 'repair' ? this.#take(name) : []
    try {
      if (type === 'compare') this.#answer({ type: 'compared', part: name, ...(await part.compare()) }, part)
      else {
        await part.repair()
        this.#answer({ type: 'repaired', part: name }, part)
      }
      for (const { resolve } of waiters) resolve()
    } catch (error) {
      this.#logger?.debug({ part: name, error }, `to ${type} a part of this machine’s configuration failed`)
      const problem = part.problemOf(error)
      this.#answer({ type: 'failed', part: name, problem }, part)
      for (const { reject } of waiters) reject(new HostProblemError(problem, error))
    }
  }

  /** Passes a result on, unless the part was released meanwhile. */
  #answer(input: ReconcilerInput, part: HostPart): void {
    if (this.#parts.get(part.name) === part) this.#driven.dispatch(input)
  }

  #take(name: string): Waiter[] {
    const waiters = this.#waiting.get(name) ?? []
    this.#waiting.delete(name)
    return waiters
  }
}
