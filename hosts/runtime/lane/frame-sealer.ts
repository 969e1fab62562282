import { OFFLOAD_HEADER_BYTES } from '../../../core/net/offload.ts'
import type { Counters } from '../../../core/runtime/counters.ts'
import { countErrno } from '../count-errno.ts'
import { FRAME_ROW, UDP_ROW, type Addon, type Port, type SealingLane } from '../native/addon.ts'
import { SOCKET_ADDRESS_WORDS } from '../socket-address.ts'
import type { Way } from './lane-peers.ts'

/**
 * Output buffer size, enough for one frame of 64 KB cut into the maximum number of segments (segments.h) with headers.
 */
const OUT_BYTES = 768 * 1024
const OUT_ROWS = 2_048
const MAX_FRAMES = 256

/** Collects frames for peers, then encrypts all with one native call and sends the messages with another. */
export class FrameSealer {
  readonly #addon: Addon
  readonly #lane: SealingLane
  readonly #drops: Counters
  readonly #rows = new Uint32Array(MAX_FRAMES * FRAME_ROW)
  readonly #out = new Uint8Array(OUT_BYTES)
  readonly #outRows = new Uint32Array(OUT_ROWS * UDP_ROW)
  readonly #done = new Uint32Array(1)
  readonly #single = new Uint8Array(OFFLOAD_HEADER_BYTES + 0xffff)
  #count = 0
  #socket: Port | undefined
  #bytes: Uint8Array | undefined

  constructor({ addon, lane, drops }: { addon: Addon; lane: SealingLane; drops: Counters }) {
    this.#addon = addon
    this.#lane = lane
    this.#drops = drops
  }

  /** Adds the frame at `offset` of `bytes`, which must not change until `flush`. */
  add(bytes: Uint8Array, { offset, length }: { offset: number; length: number }, to: Way, now: number): void {
    if (this.#count === MAX_FRAMES || (this.#count > 0 && (this.#bytes !== bytes || this.#socket !== to.socket))) {
      this.flush(now)
    }
    this.#bytes = bytes
    this.#socket = to.socket
    const at = this.#count++ * FRAME_ROW
    this.#rows[at] = offset
    this.#rows[at + 1] = length
    this.#rows[at + 2] = to.index
    // Copying five words one by one takes a third of the time of TypedArray.set.
    for (let word = 0; word < SOCKET_ADDRESS_WORDS; word++) {
      this.#rows[at + FRAME_ROW - SOCKET_ADDRESS_WORDS + word] = to.words[to.wordsAt + word] ?? 0
    }
  }

  /** Encrypts and sends one whole packet at once; an empty packet is a keepalive. */
  sealPacket(packet: Uint8Array, to: Way, now: number): void {
    this.flush(now)
    this.#single.fill(0, 0, OFFLOAD_HEADER_BYTES)
    this.#single.set(packet.subarray(0, 0xffff), OFFLOAD_HEADER_BYTES)
    this.add(this.#single, { offset: 0, length: OFFLOAD_HEADER_BYTES + packet.length }, to, now)
    this.flush(now)
  }

  flush(now: number): void {
    const bytes = this.#bytes
    const socket = this.#socket
    if (this.#count === 0 || bytes === undefined || socket === undefined) return
    for (let first = 0; first < this.#count;) {
      const rows = first === 0 ? this.#rows : this.#rows.subarray(first * FRAME_ROW)
      const left = this.#count - first
      const sealed = this.#addon.seal(this.#lane, bytes, rows, left, this.#out, this.#outRows, now, this.#done)
      first += this.#done[0] ?? left
      if (sealed > 0) this.#send(socket, sealed)
    }
    this.#count = 0
  }

  #send(socket: Port, count: number): void {
    if (this.#addon.sendUdp(socket, this.#out, this.#outRows, count) === count) return
    for (let row = 0; row < count; row++) countErrno(this.#drops, this.#outRows[row * UDP_ROW + 2] ?? 0)
  }
}
