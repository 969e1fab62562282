import type { Random } from '../../../core/runtime/random.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'

/** Range of the counter, 30 bits: ids of that many consecutive records differ before it starts again. */
const COUNTED = 2 ** 30

/**
 * Generates ids of audit records: UUIDs of version 7 with a counter (RFC 9562 §6.2, method 1), so that records of the
 * same millisecond sort by time and id in the order in which they were made.
 */
export class AuditIds {
  readonly #random: Random
  #count = 0

  constructor(random: Random) {
    this.#random = random
  }

  next(at: UnixTime): string {
    this.#count = (this.#count + 1) % COUNTED
    const time = Math.floor(at).toString(16).padStart(12, '0').slice(-12)
    const high = Math.floor(this.#count / 2 ** 18)
    const low = this.#count % 2 ** 18
    // The variant's two bits and the next twelve bits of the counter; its last four bits begin the rest.
    const middle = 0x8000 + Math.floor(low / 16)
    const rest = `${(low % 16).toString(16)}${Buffer.from(this.#random.bytes(6)).toString('hex').slice(1)}`
    return [time.slice(0, 8), time.slice(8), `7${hex(high, 3)}`, hex(middle, 4), rest].join('-')
  }
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
