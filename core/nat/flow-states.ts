import { ACK, FIN, RST, SYN, TCP, UDP } from '../net/packet-view.ts'
import { after, MINUTE, SECOND, type Instant } from '../runtime/time.ts'

/** Milliseconds for which a silent established TCP connection is kept: 2 hours 4 minutes (RFC 5382 REQ-5). */
export const TCP_TTL_MS = 2 * 60 * MINUTE + 4 * MINUTE
/** Milliseconds for which a silent UDP mapping is kept, at least 2 minutes (RFC 4787 REQ-5). */
export const UDP_TTL_MS = 2 * MINUTE
/**
 * Milliseconds for which a silent ICMP echo flow is kept: as long as UDP (wire §5), at least 60 seconds (RFC 5508
 * REQ-2).
 */
export const ICMP_TTL_MS = 2 * MINUTE
/**
 * Milliseconds for which a flow without an answer is kept: short, against floods. RFC 7857 §2 permits less than the 4
 * minutes of RFC 5382 for SYNs.
 */
export const UNCONFIRMED_TTL_MS = 60 * SECOND
/**
 * Milliseconds for which a TCP connection is kept after FINs of both sides: long enough for the last ACKs, short enough
 * to reuse the port.
 */
export const CLOSED_TTL_MS = 5 * SECOND

/**
 * Side from which a packet of a flow comes. At the gateway `inside` is the client and `outside` the site's network; at
 * the client `inside` is this machine and `outside` the gateway.
 */
export type Side = 'inside' | 'outside'

/** 32-bit words of a row. The first two are its expiry, an Instant as a 64-bit float. */
const ROW_WORDS = 4
const ROW_NUMBERS = ROW_WORDS / 2
const [STATE, STAMP] = [2, 3] as const
/** Stamp of a flow that has no verdict. */
const NO_STAMP = 0
const MAX_STAMPS = 0x7fffffff

/** Mask of a flow's phase in its state word. Flags follow, and the owner's number from bit 8 on. */
const PHASE = 0x03
const [UNCONFIRMED, CONFIRMED, CLOSING, OVER] = [0, 1, 2, 3] as const
const [FIN_INSIDE, FIN_OUTSIDE, IS_PLAIN, IS_TCP, IS_UDP] = [0x04, 0x08, 0x10, 0x20, 0x40] as const
const OWNER_SHIFT = 8

interface OpenedFlow {
  /** Number of the flow's owner, below 2^24. */
  owner: number
  /** IP protocol number. */
  protocol: number
  /** Whether address and port are the same on both sides, so that packets need no translation. */
  isPlain: boolean
}

/**
 * Table of the mutable state of all flows of a gateway or client: expiry, TCP phase, owner and verdict stamp, in one row of 16
 * bytes per flow. It is compact because with very many flows, cache misses are the main cost of a packet. Rows of
 * closed flows are reused.
 *
 * Verdicts on flows are cached elsewhere, each with the flow's row and a stamp, an increasing number. A cached verdict
 * is valid only if its stamp is still that of the row, and newer than the owner's era: `endEra` so invalidates all
 * verdicts of an owner, and reusing a row those of the old flow.
 */
export class FlowStates<Flow> {
  #words = new Int32Array(0)
  /** View of the expiries in the bytes of `#words`. */
  #expiries = new Float64Array(0)
  readonly #flows: (Flow | undefined)[] = []
  #rows = 0
  readonly #free: number[] = []
  /** Last stamp before the current era, by owner. */
  #eras = new Int32Array(0)
  #stamps = NO_STAMP
  readonly #maxStamps: number
  readonly #forgetVerdicts: () => void

  /**
   * When all stamps are used up, after two billion verdicts, calls `forgetVerdicts` to clear all cached ones and starts
   * again.
   */
  constructor(forgetVerdicts: () => void, { maxStamps = MAX_STAMPS } = {}) {
    this.#forgetVerdicts = forgetVerdicts
    this.#maxStamps = maxStamps
  }

  /** Opens a flow that has not been answered yet. Returns its row. */
  open({ owner, protocol, isPlain }: OpenedFlow, now: Instant): number {
    const row = this.#free.pop() ?? this.#rows++
    this.#makeRoom(row, owner)
    const at = row * ROW_WORDS
    this.#expiries[row * ROW_NUMBERS] = after(now, UNCONFIRMED_TTL_MS)
    const kind = (isPlain ? IS_PLAIN : 0) | (protocol === TCP ? IS_TCP : protocol === UDP ? IS_UDP : 0)
    this.#words[at + STATE] = (owner << OWNER_SHIFT) | kind | UNCONFIRMED
    this.#words[at + STAMP] = NO_STAMP
    return row
  }

  /** Closes a flow and frees its row. To be called once, when nothing but cached verdicts refers to the row. */
  close(row: number): void {
    const at = row * ROW_WORDS
    this.#words[at + STATE] = OVER
    this.#words[at + STAMP] = NO_STAMP
    this.#flows[row] = undefined
    this.#free.push(row)
  }

  /** Stores the flow that `recordPacket` is to return for a row. */
  setFlow(row: number, flow: Flow): void {
    this.#flows[row] = flow
  }

  ownerOf(row: number): number {
    return this.#stateAt(row) >>> OWNER_SHIFT
  }

  isOver(row: number, now: Instant): boolean {
    return (this.#stateAt(row) & PHASE) === OVER || (this.#expiries[row * ROW_NUMBERS] ?? 0) <= now
  }

  /**
   * Whether a packet of the client opens a new TCP connection on the port of one that is closed but still in the table.
   */
  reopens(row: number, tcpFlags: number): boolean {
    const state = this.#stateAt(row)
    return (state & IS_TCP) !== 0 && (state & PHASE) === CLOSING && (tcpFlags & (SYN | ACK)) === SYN
  }

  /**
   * Records a packet of a flow: updates its TCP phase and extends its expiry. After a RST the flow is over, and the
   * caller forwards this packet only. Returns the flow by which to translate the packet; undefined if it needs no
   * translation.
   */
  recordPacket(row: number, { from, tcpFlags, now }: { from: Side; tcpFlags: number; now: Instant }): Flow | undefined {
    const before = this.#stateAt(row)
    const state = stateAfter(before, from, tcpFlags)
    if (state !== before) this.#words[row * ROW_WORDS + STATE] = state
    const phase = state & PHASE
    const expiries = this.#expiries
    const at = row * ROW_NUMBERS
    if (phase === CONFIRMED) expiries[at] = after(now, ttlOf(state))
    else if (phase === UNCONFIRMED) expiries[at] = after(now, UNCONFIRMED_TTL_MS)
    // The time after the second FIN is not extended by later packets.
    else if (phase === CLOSING && (before & PHASE) !== CLOSING) expiries[at] = after(now, CLOSED_TTL_MS)
    return (state & IS_PLAIN) === 0 ? this.#flows[row] : undefined
  }

  /** Returns the stamp to store with a verdict on packets of a flow, of either side. */
  stamp(row: number): number {
    const at = row * ROW_WORDS + STAMP
    const known = this.#words[at] ?? NO_STAMP
    if (known > (this.#eras[this.ownerOf(row)] ?? 0)) return known
    if (this.#stamps === this.#maxStamps) this.#beginStamps()
    this.#words[at] = ++this.#stamps
    return this.#stamps
  }

  /**
   * Whether a cached verdict is valid: the flow is alive, `stamp` is its own, and the verdict was made in its owner's
   * current era.
   */
  holdsVerdict(row: number, stamp: number, now: Instant): boolean {
    const at = row * ROW_WORDS
    const words = this.#words
    const state = words[at + STATE] ?? OVER
    if (words[at + STAMP] !== stamp || stamp <= (this.#eras[state >>> OWNER_SHIFT] ?? 0)) return false
    return (state & PHASE) !== OVER && (this.#expiries[row * ROW_NUMBERS] ?? 0) > now
  }

  /** Invalidates the verdicts on all flows of an owner. */
  endEra(owner: number): void {
    this.#makeRoom(0, owner)
    this.#eras[owner] = this.#stamps
  }

  #beginStamps(): void {
    this.#forgetVerdicts()
    for (let row = 0; row < this.#rows; row++) this.#words[row * ROW_WORDS + STAMP] = NO_STAMP
    this.#eras.fill(NO_STAMP)
    this.#stamps = NO_STAMP
  }

  #stateAt(row: number): number {
    return this.#words[row * ROW_WORDS + STATE] ?? OVER
  }

  #makeRoom(row: number, owner: number): void {
    if ((row + 1) * ROW_WORDS > this.#words.length) {
      const before = this.#words
      this.#words = new Int32Array(Math.max(2 * before.length, 64 * ROW_WORDS))
      this.#words.set(before)
      this.#expiries = new Float64Array(this.#words.buffer)
    }
    if (owner < this.#eras.length) return
    const before = this.#eras
    this.#eras = new Int32Array(Math.max(2 * before.length, owner + 64))
    this.#eras.set(before)
  }
}

const stateAfter = (state: number, from: Side, tcpFlags: number): number => {
  const answered = from === 'outside' && (state & PHASE) === UNCONFIRMED ? state | CONFIRMED : state
  if ((tcpFlags & (FIN | RST)) === 0 || (state & IS_TCP) === 0) return answered
  if ((tcpFlags & RST) !== 0) return answered | OVER
  const seen = answered | (from === 'inside' ? FIN_INSIDE : FIN_OUTSIDE)
  const isClosed = (seen & FIN_INSIDE) !== 0 && (seen & FIN_OUTSIDE) !== 0
  return isClosed && (seen & PHASE) !== OVER ? (seen & ~PHASE) | CLOSING : seen
}

const ttlOf = (state: number): number =>
  (state & IS_TCP) !== 0 ? TCP_TTL_MS : (state & IS_UDP) !== 0 ? UDP_TTL_MS : ICMP_TTL_MS
