import type { Clock } from '../../../core/runtime/clock.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { after, MINUTE } from '../../../core/runtime/time.ts'
import type { AuditSubject, RefusedCall, Store } from './store.ts'

/** From a refusal on, its like are counted for so long, and then written down as one. */
const FOLDED_MS = MINUTE
/** Kinds of refusals of one account that are told apart at a time; what is beyond is one kind. */
const MOST_KINDS = 50
const LONGEST_PATH = 200

interface Repeated {
  accountId: string
  count: number
  last: RefusedCall
  cancel: () => void
}

/**
 * Writes refused calls of the API down: the first of a kind at once, what repeats it within a minute as one record that says how many there
 * were. Who has any token, a revoked one included, cannot fill the trail by that.
 */
export class RefusedCalls implements Startable {
  readonly #parts: { store: Pick<Store, 'recordRefusedCall'>; clock: Clock; logger: Logger }
  readonly #repeated = new Map<string, Repeated>()
  readonly #kinds = new Map<string, number>()
  readonly #writing = new Set<Promise<void>>()

  constructor(parts: { store: Pick<Store, 'recordRefusedCall'>; clock: Clock; logger: Logger }) {
    this.#parts = parts
  }

  add(accountId: string, given: Omit<RefusedCall, 'at'>): void {
    const { clock } = this.#parts
    const call = { ...given, at: clock.unix(), path: given.path.slice(0, LONGEST_PATH) }
    const kinds = this.#kinds.get(accountId) ?? 0
    const own = JSON.stringify([accountId, tokenOf(call.by), call.status, call.code])
    const kind = this.#repeated.has(own) || kinds < MOST_KINDS ? own : accountId
    const repeated = this.#repeated.get(kind)
    if (repeated !== undefined) {
      repeated.count++
      repeated.last = call
      return
    }
    const cancel = clock.wake(after(clock.now(), FOLDED_MS), () => this.#end(kind))
    this.#repeated.set(kind, { accountId, count: 0, last: call, cancel })
    this.#kinds.set(accountId, kinds + 1)
    this.#write(accountId, call, 0)
  }

  start(): void {
    // It begins with the first call.
  }

  /** Writes down what was counted. */
  async stop(): Promise<void> {
    for (const [kind, { cancel }] of this.#repeated) {
      cancel()
      this.#end(kind)
    }
    await Promise.allSettled(this.#writing)
  }

  #end(kind: string): void {
    const repeated = this.#repeated.get(kind)
    if (repeated === undefined) return
    const { accountId, count, last } = repeated
    this.#repeated.delete(kind)
    const kinds = (this.#kinds.get(accountId) ?? 1) - 1
    if (kinds === 0) this.#kinds.delete(accountId)
    else this.#kinds.set(accountId, kinds)
    if (count > 0) this.#write(accountId, last, count)
  }

  #write(accountId: string, call: RefusedCall, count: number): void {
    const { store, logger } = this.#parts
    const written = store.recordRefusedCall(accountId, call, count).catch((error: unknown) => {
      logger.warn({ error, accountId, code: call.code }, 'writing down a refused call of the API failed')
    })
    this.#writing.add(written)
    void written.finally(() => this.#writing.delete(written))
  }
}

const tokenOf = (by: AuditSubject): string | undefined => ('tokenId' in by ? by.tokenId : undefined)
