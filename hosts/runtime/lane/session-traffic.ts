import type { TunnelPath } from '../../../core/runtime/path.ts'

/** Traffic of a session since its last report. */
export interface Traffic {
  sent: { packets: number; bytes: number }
  received: { packets: number; keepalives: number; bytes: number }
  /** Whether the last message was sent, not received. */
  endedSending: boolean
  /** Path of the peer's messages, if it changed during this session. */
  path: TunnelPath | undefined
}

/** Numbers per session in the table, and the column of each. */
const ROW = 8
const [EXPIRY, PEER, FLAGS, SENT_PACKETS, SENT_BYTES, PACKETS, KEEPALIVES, BYTES] = [0, 1, 2, 3, 4, 5, 6, 7] as const
const [IS_HEARD, IS_TOUCHED, ENDED_SENDING] = [1, 2, 4] as const
const NOBODY = -1

/** Expiry, peer and unreported traffic of all sessions, in a table of 64 bytes per handle that every packet updates. */
export class SessionTraffic {
  #rows = new Float64Array(0)
  readonly #paths: (TunnelPath | undefined)[] = []

  /** Starts a session's row. The caller holds the peer's number until `end`. */
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

  /** Clears a session's row. */
  end(handle: number): void {
    const at = handle * ROW
    this.#rows.fill(0, at, at + ROW)
    this.#rows[at + PEER] = NOBODY
  }

  /** Returns the number of the session's peer, or `NOBODY` (negative) if there is no such session. */
  peerOf(handle: number): number {
    return this.#rows[handle * ROW + PEER] ?? NOBODY
  }

  /** Whether the session's keys may still encrypt: whether it has not expired. */
  maySeal(handle: number, now: number): boolean {
    return now < (this.#rows[handle * ROW + EXPIRY] ?? 0)
  }

  /** Counts a packet that was sent. */
  sent(handle: number, bytes: number): void {
    const at = handle * ROW
    this.#add(at + SENT_PACKETS, 1)
    this.#add(at + SENT_BYTES, bytes)
    this.#rows[at + FLAGS] = this.#flags(at) | ENDED_SENDING
  }

  /** Counts an authentic message; one of 0 bytes is a keepalive. Returns whether it is the session's first. */
  received(handle: number, bytes: number): boolean {
    const at = handle * ROW
    this.#add(at + (bytes === 0 ? KEEPALIVES : PACKETS), 1)
    this.#add(at + BYTES, bytes)
    const flags = this.#flags(at)
    this.#rows[at + FLAGS] = (flags & ~ENDED_SENDING) | IS_HEARD
    return (flags & IS_HEARD) === 0
  }

  /** Notes a new path of the peer's messages. */
  cameFrom(handle: number, path: TunnelPath): void {
    this.#paths[handle] = path
  }

  /** Marks the session as having traffic to report. Returns whether it was not marked before. */
  touch(handle: number): boolean {
    const at = handle * ROW
    const flags = this.#flags(at)
    if ((flags & IS_TOUCHED) !== 0) return false
    this.#rows[at + FLAGS] = flags | IS_TOUCHED
    return true
  }

  /** Returns the unreported traffic and resets it; undefined if the session is not marked. */
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
