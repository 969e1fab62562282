import type { Random } from '../../../core/runtime/random.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'

/** How many records are told apart before the count begins anew: 30 bits. */
const COUNTED = 2 ** 30

/**
 * Ids of audit records, in the order in which they are drawn: UUIDs of version 7 with a counter (RFC 9562 §6.2, method 1), so that two
 * records of one millisecond, which are sorted by time and id, keep their order.
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
    // The variant's two bits and 14 of the counter, then four more of it.
    const middle = 0x8000 + Math.floor(low / 16)
    const rest = `${(low % 16).toString(16)}${Buffer.from(this.#random.bytes(6)).toString('hex').slice(1)}`
    return [time.slice(0, 8), time.slice(8), `7${hex(high, 3)}`, hex(middle, 4), rest].join('-')
  }
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
