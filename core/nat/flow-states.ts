import { ACK, FIN, RST, SYN, TCP, UDP } from '../net/packet-view.ts'
import { after, MINUTE, SECOND, type Instant } from '../runtime/time.ts'

/** RFC 5382 REQ-5: an established TCP connection is kept for at least 2 hours and 4 minutes. */
export const TCP_TTL = 2 * 60 * MINUTE + 4 * MINUTE
/** RFC 4787 REQ-5: a UDP mapping is kept for at least 2 minutes. */
export const UDP_TTL = 2 * MINUTE
/** RFC 5508 REQ-2: an ICMP query is kept for at least 60 seconds; as long as UDP here (wire §5). */
export const ICMP_TTL = 2 * MINUTE
/** Nobody has answered yet: what floods a table is let go soon. RFC 7857 §2 permits less than the 4 minutes of RFC 5382 for SYNs. */
export const UNCONFIRMED_TTL = 60 * SECOND
/** Both sides sent FIN: long enough for the last acknowledgements, short enough for a client that takes the port again. */
export const CLOSED_TTL = 5 * SECOND

/** Where a packet of a flow comes from: the client, or the network. */
export type Side = 'inside' | 'outside'

/** Words of a row, or half as many numbers, of which the first is its expiry, an Instant. */
const ROW_WORDS = 4
const ROW_NUMBERS = ROW_WORDS / 2
const [STATE, STAMP] = [2, 3] as const
/** A flow with this one has no verdict. */
const NO_STAMP = 0
const MOST_STAMPS = 0x7fffffff

/** Bits of a state: its phase in the lowest two, its owner in the highest. */
const PHASE = 0x03
const [UNCONFIRMED, CONFIRMED, CLOSING, OVER] = [0, 1, 2, 3] as const
const [FIN_INSIDE, FIN_OUTSIDE, IS_PLAIN, IS_TCP, IS_UDP] = [0x04, 0x08, 0x10, 0x20, 0x40] as const
const OWNER_SHIFT = 8

interface OpenedFlow {
  /** Whose it is: a number below 2^24. */
  owner: number
  /** IP protocol number. */
  protocol: number
  /** Address and port are the same on both sides: its packets pass as they are. */
  isPlain: boolean
}

/**
 * What every packet of a flow reads and writes, of all flows of a gateway side by side in 16 bytes each: among very many flows a packet
 * costs what the places in memory cost that it looks at. A row is used again for another flow once it was closed.
 *
 * Verdicts on a flow are kept elsewhere, under its row and with a stamp. A flow bears the stamp of its latest verdict, and an era of its owner begins
 * after a stamp: a verdict of an earlier era, or of an earlier flow of the row, is none.
 */
export class FlowStates<Flow> {
  #words = new Int32Array(0)
  /** The same bytes. */
  #expiries = new Float64Array(0)
  readonly #flows: (Flow | undefined)[] = []
  #rows = 0
  readonly #free: number[] = []
  /** By owner: the last stamp before its present era. */
  #eras = new Int32Array(0)
  #stamps = NO_STAMP
  readonly #mostStamps: number
  readonly #forgetVerdicts: () => void

  /** Two billion stamps last for days. Then all verdicts are to be forgotten, and stamps begin anew. */
  constructor(forgetVerdicts: () => void, { mostStamps = MOST_STAMPS } = {}) {
    this.#forgetVerdicts = forgetVerdicts
    this.#mostStamps = mostStamps
  }

  /** The row of a flow that nobody has answered yet. */
  open({ owner, protocol, isPlain }: OpenedFlow, now: Instant): number {
    const row = this.#free.pop() ?? this.#rows++
    this.#makeRoom(row, owner)
    const at = row * ROW_WORDS
    this.#expiries[row * ROW_NUMBERS] = after(now, UNCONFIRMED_TTL)
    const kind = (isPlain ? IS_PLAIN : 0) | (protocol === TCP ? IS_TCP : protocol === UDP ? IS_UDP : 0)
    this.#words[at + STATE] = (owner << OWNER_SHIFT) | kind | UNCONFIRMED
    this.#words[at + STAMP] = NO_STAMP
    return row
  }

  /** Once, when nothing keeps the row any more but verdicts. */
  close(row: number): void {
    const at = row * ROW_WORDS
    this.#words[at + STATE] = OVER
    this.#words[at + STAMP] = NO_STAMP
    this.#flows[row] = undefined
    this.#free.push(row)
  }

  /** All else that is known of a flow. */
  describe(row: number, flow: Flow): void {
    this.#flows[row] = flow
  }

  ownerOf(row: number): number {
    return this.#stateAt(row) >>> OWNER_SHIFT
  }

  isOver(row: number, now: Instant): boolean {
    return (this.#stateAt(row) & PHASE) === OVER || (this.#expiries[row * ROW_NUMBERS] ?? 0) <= now
  }

  /** Whether the client begins a new connection with this packet although the old one on the same port is not forgotten yet. */
  reopens(row: number, tcpFlags: number): boolean {
    const state = this.#stateAt(row)
    return (state & IS_TCP) !== 0 && (state & PHASE) === CLOSING && (tcpFlags & (SYN | ACK)) === SYN
  }

  /**
   * Notes that a packet of the flow passed. A reset ends it: the caller passes this one packet on and no other. By what the packet is to be translated;
   * undefined for a plain flow.
   */
  note(row: number, { from, tcpFlags, now }: { from: Side; tcpFlags: number; now: Instant }): Flow | undefined {
    const before = this.#stateAt(row)
    const state = stateAfter(before, from, tcpFlags)
    if (state !== before) this.#words[row * ROW_WORDS + STATE] = state
    const phase = state & PHASE
    const expiries = this.#expiries
    const at = row * ROW_NUMBERS
    if (phase === CONFIRMED) expiries[at] = after(now, ttlOf(state))
    else if (phase === UNCONFIRMED) expiries[at] = after(now, UNCONFIRMED_TTL)
    // From the second FIN on, and not extended by what follows it.
    else if (phase === CLOSING && (before & PHASE) !== CLOSING) expiries[at] = after(now, CLOSED_TTL)
    return (state & IS_PLAIN) === 0 ? this.#flows[row] : undefined
  }

  /** The stamp for a verdict on packets of a flow, on either side. */
  stamp(row: number): number {
    const at = row * ROW_WORDS + STAMP
    const known = this.#words[at] ?? NO_STAMP
    if (known > (this.#eras[this.ownerOf(row)] ?? 0)) return known
    if (this.#stamps === this.#mostStamps) this.#beginStamps()
    this.#words[at] = ++this.#stamps
    return this.#stamps
  }

  /** Whether a verdict with this stamp, under this row, is one on this flow and of its owner's present era, and the flow lives. */
  holdsVerdict(row: number, stamp: number, now: Instant): boolean {
    const at = row * ROW_WORDS
    const words = this.#words
    const state = words[at + STATE] ?? OVER
    if (words[at + STAMP] !== stamp || stamp <= (this.#eras[state >>> OWNER_SHIFT] ?? 0)) return false
    return (state & PHASE) !== OVER && (this.#expiries[row * ROW_NUMBERS] ?? 0) > now
  }

  /** All flows of an owner are to be decided anew. */
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
  (state & IS_TCP) !== 0 ? TCP_TTL : (state & IS_UDP) !== 0 ? UDP_TTL : ICMP_TTL
