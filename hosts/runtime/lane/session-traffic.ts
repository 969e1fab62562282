import type { Endpoint } from '../../../core/runtime/endpoint.ts'

/** What a session did since that was last reported. */
export interface Traffic {
  sent: { packets: number; bytes: number }
  received: { packets: number; keepalives: number; bytes: number }
  endedSending: boolean
  /** Where its messages come from, once that was another place than the peer's before. */
  path: Endpoint | undefined
}

/** Numbers of a row. */
const ROW = 8
const [EXPIRY, PEER, FLAGS, SENT_PACKETS, SENT_BYTES, PACKETS, KEEPALIVES, BYTES] = [0, 1, 2, 3, 4, 5, 6, 7] as const
const [IS_HEARD, IS_TOUCHED, ENDED_SENDING] = [1, 2, 4] as const
const NOBODY = -1

/** What every packet reads and writes of its session, by handle: all sessions side by side, 64 bytes each. */
export class SessionTraffic {
  #rows = new Float64Array(0)
  readonly #paths: (Endpoint | undefined)[] = []

  /** `peer` is a number that is held as long. */
  begin(handle: number, { peer, expiresAt }: { peer: number; expiresAt: number }): void {
    const at = handle * ROW
    if (at >= this.#rows.length) {
      const before = this.#rows
      this.#rows = new Float64Array(Math.max(2 * before.length, at + 64 * ROW))
      this.#rows.set(before)
    }
    this.#rows.fill(0, at, at + ROW)
    this.#rows[at + EXPIRY] = expiresAt
    this.#rows[at + PEER] = peer
    this.#paths[handle] = undefined
  }

  /** Nobody's, until it begins again. */
  end(handle: number): void {
    const at = handle * ROW
    this.#rows.fill(0, at, at + ROW)
    this.#rows[at + PEER] = NOBODY
  }

  /** The number of its peer, below 0 where there is no such session. */
  peerOf(handle: number): number {
    return this.#rows[handle * ROW + PEER] ?? NOBODY
  }

  maySeal(handle: number, now: number): boolean {
    return now < (this.#rows[handle * ROW + EXPIRY] ?? 0)
  }

  sent(handle: number, bytes: number): void {
    const at = handle * ROW
    this.#add(at + SENT_PACKETS, 1)
    this.#add(at + SENT_BYTES, bytes)
    this.#rows[at + FLAGS] = this.#flags(at) | ENDED_SENDING
  }

  /** A message of no bytes is a keepalive. Whether it is the first that was authentic at all. */
  received(handle: number, bytes: number): boolean {
    const at = handle * ROW
    this.#add(at + (bytes === 0 ? KEEPALIVES : PACKETS), 1)
    this.#add(at + BYTES, bytes)
    const flags = this.#flags(at)
    this.#rows[at + FLAGS] = (flags & ~ENDED_SENDING) | IS_HEARD
    return (flags & IS_HEARD) === 0
  }

  cameFrom(handle: number, path: Endpoint): void {
    this.#paths[handle] = path
  }

  /** Something is to be reported. Whether that is new. */
  touch(handle: number): boolean {
    const at = handle * ROW
    const flags = this.#flags(at)
    if ((flags & IS_TOUCHED) !== 0) return false
    this.#rows[at + FLAGS] = flags | IS_TOUCHED
    return true
  }

  /** What is to be reported, which is forgotten with that; undefined for nothing. */
  take(handle: number): Traffic | undefined {
    const at = handle * ROW
    const flags = this.#flags(at)
    if ((flags & IS_TOUCHED) === 0) return undefined
    const [sentPackets = 0, sentBytes = 0, packets = 0, keepalives = 0, bytes = 0] = this.#rows.subarray(
      at + SENT_PACKETS,
      at + ROW,
    )
    this.#rows.fill(0, at + SENT_PACKETS, at + ROW)
    this.#rows[at + FLAGS] = flags & ~IS_TOUCHED
    return {
      sent: { packets: sentPackets, bytes: sentBytes },
      received: { packets, keepalives, bytes },
      endedSending: (flags & ENDED_SENDING) !== 0,
      path: this.#paths[handle],
    }
  }

  #flags(at: number): number {
    return this.#rows[at + FLAGS] ?? 0
  }

  #add(at: number, count: number): void {
    this.#rows[at] = (this.#rows[at] ?? 0) + count
  }
}
