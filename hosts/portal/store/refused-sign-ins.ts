import type { Clock } from '../../../core/runtime/clock.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { after, MINUTE } from '../../../core/runtime/time.ts'
import type { SignInEvent } from './store.ts'

export interface RefusedSignInsPorts {
  clock: Clock
  logger: Logger
  write: (accountId: string, event: SignInEvent) => Promise<void>
}

/** Records per account that are written at once within a minute: a refused person is unknown and can be anybody. */
const MAX_RECORDS = 30

interface Repeated {
  count: number
  last: SignInEvent | undefined
}

interface Minute {
  records: number
  kinds: Map<string, Repeated>
  end: () => void
}

/** Kind under which all further refusals are counted once an account has used up its records of the minute. */
const ANY = 'any'

/**
 * Audits refused sign-ins: the first at once, similar ones within a minute as one record with their number. After
 * `MAX_RECORDS` different ones within a minute, which only an attacker makes, all others share one record.
 */
export class RefusedSignIns {
  readonly #ports: RefusedSignInsPorts
  readonly #minutes = new Map<string, Minute>()
  readonly #writing = new Set<Promise<void>>()

  constructor(ports: RefusedSignInsPorts) {
    this.#ports = ports
  }

  async add(accountId: string, event: SignInEvent): Promise<void> {
    const minute = this.#minutes.get(accountId) ?? this.#begin(accountId)
    const kind = kindOf(event)
    const mayWrite = minute.records < MAX_RECORDS
    const repeated = minute.kinds.get(kind) ?? (mayWrite ? undefined : minute.kinds.get(ANY))
    if (repeated !== undefined) {
      repeated.count++
      repeated.last = event
      return
    }
    if (!mayWrite) {
      minute.kinds.set(ANY, { count: 1, last: event })
      return
    }
    minute.kinds.set(kind, { count: 0, last: undefined })
    minute.records++
    await this.#ports.write(accountId, event)
  }

  /** Writes the records of refusals counted so far. */
  async flush(): Promise<void> {
    for (const [accountId, { end }] of this.#minutes) {
      end()
      this.#write(accountId)
    }
    await Promise.all(this.#writing)
  }

  #begin(accountId: string): Minute {
    const { clock } = this.#ports
    const end = clock.wake(after(clock.now(), MINUTE), () => this.#write(accountId))
    const minute: Minute = { records: 0, kinds: new Map(), end }
    this.#minutes.set(accountId, minute)
    return minute
  }

  #write(accountId: string): void {
    const { logger, write } = this.#ports
    const minute = this.#minutes.get(accountId)
    this.#minutes.delete(accountId)
    for (const { count, last } of minute?.kinds.values() ?? []) {
      if (last === undefined) continue
      const written = write(accountId, { ...last, repeated: count }).catch((error: unknown) => {
        logger.warn({ error, accountId, count }, 'writing down refused sign-ins failed')
      })
      this.#writing.add(written)
      void written.finally(() => this.#writing.delete(written))
    }
  }
}

const kindOf = ({ reason, actorId, identityProviderId, remoteIp, detail, identity }: SignInEvent): string =>
  JSON.stringify([reason, actorId, identityProviderId, remoteIp, detail, identity])
