import type { Instant } from 'portreeve'
import { ChaCha20Poly1305, TAG_BYTES } from 'portreeve/crypto'
import { DATA_HEADER_BYTES, MIN_DATA_BYTES, encodeDataHeader, type Data } from './messages.ts'
import { ReplayWindow, type Arrival } from './replay-window.ts'
import { REJECT_AFTER_MESSAGES, REJECT_AFTER_MS, type RekeyPace } from './timers.ts'

/** Keys and indices of a session. */
export interface SessionKeys {
  /** Index of the session in messages from the peer; `remoteIndex` is that in messages to it. */
  readonly localIndex: number
  readonly remoteIndex: number
  readonly sendKey: Uint8Array
  readonly receiveKey: Uint8Array
  readonly isInitiator: boolean
  readonly createdAt: Instant
}

export type Opening =
  | { type: 'opened'; plain: Uint8Array; arrival: 'newest' | 'late' }
  | { type: 'refused'; reason: 'expired-session' | 'wrong-key' | Exclude<Arrival, 'newest' | 'late'> }

const PADDING_MULTIPLE = 16
const ZEROS = new Uint8Array(PADDING_MULTIPLE)

/** Returns the bytes of a data message with a packet of `packetBytes` (§5.4.6). */
export const dataMessageBytes = (packetBytes: number): number => MIN_DATA_BYTES + packetBytes + paddingOf(packetBytes)

const paddingOf = (packetBytes: number): number => -packetBytes & (PADDING_MULTIPLE - 1)

/** Session: a pair of keys for data messages (WireGuard §5.4.6), with counters and replay window. */
export class Session {
  readonly keys: SessionKeys
  // Created at first use: with a lane neither is used.
  #sending: ChaCha20Poly1305 | undefined
  #receiving: ChaCha20Poly1305 | undefined
  readonly #window = new ReplayWindow()
  #sent = 0
  #isOver = false

  constructor(keys: SessionKeys) {
    this.keys = keys
  }

  /** Whether packets may still be sent in the session (§6.2). */
  canSend(now: Instant): boolean {
    return !this.#isOver && now - this.keys.createdAt < REJECT_AFTER_MS && this.#sent < REJECT_AFTER_MESSAGES
  }

  /**
   * Whether the session must be renewed when sending: by age at the initiator only, by number of messages at either end
   * (§6.2).
   */
  isWorn(now: Instant, { afterMs, afterMessages }: RekeyPace): boolean {
    if (this.#sent >= afterMessages) return true
    return this.keys.isInitiator && now - this.keys.createdAt >= afterMs
  }

  /**
   * Returns a data message with the packet, padded with zeros; an empty packet is a keepalive. Call only if `canSend`.
   */
  seal(packet: Uint8Array): Uint8Array {
    const padding = ZEROS.subarray(0, paddingOf(packet.length))
    const counter = this.#sent++
    const datagram = encodeDataHeader(this.keys.remoteIndex, counter, packet.length + padding.length + TAG_BYTES)
    const plain = padding.length === 0 ? [packet] : [packet, padding]
    this.#sending ??= new ChaCha20Poly1305(this.keys.sendKey)
    this.#sending.sealInto({ counter, plain, into: datagram, offset: DATA_HEADER_BYTES })
    return datagram
  }

  /** Decrypts a data message and checks it against replay. The result is still padded. */
  open({ counter, sealed }: Data, now: Instant): Opening {
    if (this.#isOver || now - this.keys.createdAt >= REJECT_AFTER_MS || counter >= REJECT_AFTER_MESSAGES) {
      return { type: 'refused', reason: 'expired-session' }
    }
    this.#receiving ??= new ChaCha20Poly1305(this.keys.receiveKey)
    const plain = this.#receiving.open(counter, sealed)
    if (plain === undefined) return { type: 'refused', reason: 'wrong-key' }
    const arrival = this.#window.accept(counter)
    if (arrival === 'replayed' || arrival === 'too-old') return { type: 'refused', reason: arrival }
    return { type: 'opened', plain, arrival }
  }

  /** Ends the session and overwrites its keys. */
  wipe(): void {
    this.#isOver = true
    this.keys.sendKey.fill(0)
    this.keys.receiveKey.fill(0)
  }
}
