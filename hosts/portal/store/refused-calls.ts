import type { Clock } from '../../../core/runtime/clock.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { after, MINUTE } from '../../../core/runtime/time.ts'
import type { AuditSubject, RefusedCall, Store } from './store.ts'

/** Time after a refusal during which similar ones are only counted, to be written as one record. */
const FOLDED_MS = MINUTE
/** Kinds of refusals that are counted separately for one account; all further ones are counted together. */
const MAX_KINDS = 50
const MAX_PATH_CHARACTERS = 200

interface Repeated {
  accountId: string
  count: number
  last: RefusedCall
  cancel: () => void
}

/**
 * Audits refused calls of the API: the first of a kind at once, its repetitions within a minute as one record with
 * their number. This keeps the holder of a token, even a revoked one, from filling the audit trail.
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
    const call = { ...given, at: clock.unix(), path: given.path.slice(0, MAX_PATH_CHARACTERS) }
    const kinds = this.#kinds.get(accountId) ?? 0
    const own = JSON.stringify([accountId, tokenOf(call.by), call.status, call.code])
    const kind = this.#repeated.has(own) || kinds < MAX_KINDS ? own : accountId
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
    // Nothing to do until the first refused call.
  }

  /** Writes the records of repetitions counted so far. */
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
