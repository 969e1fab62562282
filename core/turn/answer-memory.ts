import { toHex } from '../crypto/text-encoding.ts'
import type { StunMessage } from '../stun/stun-message.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'

/** Time for which an answer is remembered: longer than a client repeats a request (RFC 8489 §6.2.1). */
const REMEMBERED_MS = 40 * SECOND
/** Most answers remembered; the oldest is forgotten first. */
const MAX_ANSWERS = 8_192

/**
 * Answers to requests that a relay has carried out, so that a request that arrives twice is carried out once and
 * answered alike.
 */
export class AnswerMemory {
  readonly #answers = new Map<string, { bytes: Uint8Array; until: Instant }>()

  /** Remembers the answer to a request of a source. */
  keep(source: string, request: StunMessage, { bytes, now }: { bytes: Uint8Array; now: Instant }): void {
    this.#answers.set(keyOf(source, request), { bytes, until: after(now, REMEMBERED_MS) })
    for (const [key, { until }] of this.#answers) {
      if (this.#answers.size <= MAX_ANSWERS && until > now) return
      this.#answers.delete(key)
    }
  }

  /** Returns the answer to a request that was answered already. */
  find(source: string, request: StunMessage, now: Instant): Uint8Array | undefined {
    const known = this.#answers.get(keyOf(source, request))
    return known !== undefined && known.until > now ? known.bytes : undefined
  }
}

/** Key of a request: its source, and the code over all of it, so that another request of that id is not taken for it. */
const keyOf = (source: string, { transactionId, integrity }: StunMessage): string =>
  `${source} ${toHex(transactionId)} ${toHex(integrity?.code ?? new Uint8Array())}`
