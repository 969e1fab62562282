import type { KeptState, RecordChange, SignInDesk, SignInRecords } from '../../core/contract/identity-provider.ts'
import { unixTime, type UnixTime } from '../../core/runtime/time.ts'

/** Sign-in records in memory, for tests of identity providers. */
export class MemorySignInRecords implements SignInRecords {
  readonly #records = new Map<string, { record: KeptState; until: UnixTime }>()
  readonly #now: () => UnixTime

  constructor(now: () => UnixTime = () => unixTime(Date.now())) {
    this.#now = now
  }

  change<T>(key: string, work: (record: KeptState | undefined) => RecordChange<T>): Promise<T> {
    const kept = this.#records.get(key)
    const { record, until, result } = work(kept !== undefined && kept.until > this.#now() ? kept.record : undefined)
    if (record === undefined) this.#records.delete(key)
    else if (Number.isFinite(until)) this.#records.set(key, { record, until })
    else return Promise.reject(new Error(`the record ${key} has no end: give it "until"`))
    return Promise.resolve(result)
  }
}

/** Makes a sign-in desk whose actors have these e-mail addresses. */
export const signInDesk = (
  known: readonly string[] = [],
  records: SignInRecords = new MemorySignInRecords(),
  asker = '192.0.2.1',
): SignInDesk => ({ knows: (email) => Promise.resolve(known.includes(email)), records, asker, note: () => undefined })
