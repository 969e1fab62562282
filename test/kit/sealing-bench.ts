import { OFFLOAD_HEADER_BYTES } from '../../core/net/offload.ts'
import { instant, type Instant } from '../../core/runtime/time.ts'
import {
  FRAME_ROW,
  LANE_DROPS,
  OPENED_CHANNEL_SHIFT,
  OPENED_NEWEST,
  OPENED_PSEUDO_CHECKSUM,
  OPENED_ROW,
  UDP_ROW,
  loadAddon,
  type SealingLane,
} from '../../hosts/runtime/native/addon.ts'
import { withChannel } from '../../hosts/runtime/lane/lane-peers.ts'
import { parseMessage } from '../../plugins/transport-wireguard/messages.ts'
import { withoutPadding } from '../../plugins/transport-wireguard/inner-packet.ts'
import { Session } from '../../plugins/transport-wireguard/session.ts'

export interface OpenedRow {
  bytes: Uint8Array
  handle: number
  message: number
  newest: boolean
  /** Channel of a relay that it came by: the lower 12 bits of its number, plus 1; 0 for none. */
  channel: number
  isSuper: boolean
}

const NOW = instant(1_000)
const BYTES = 1 << 20
const ROWS = 4_096
const OUT = new Uint8Array(BYTES)
const OUT_ROWS = new Uint32Array(ROWS * UDP_ROW)
const OPENED = new Uint32Array(ROWS * OPENED_ROW)

/** A native lane with one session, and the other side of that session in TypeScript: the oracle. */
export class SealingBench {
  readonly addon = loadAddon()
  readonly lane: SealingLane = this.addon.createLane()
  readonly session: Session
  now: Instant = NOW
  readonly #done = new Uint32Array(1)

  constructor() {
    const [there, back] = [new Uint8Array(32).fill(3), new Uint8Array(32).map((_, at) => at * 5)]
    this.addon.installKeys(this.lane, new Uint32Array([7, 9, 1]), there, back, NOW + 180_000)
    this.session = new Session({
      localIndex: 9,
      remoteIndex: 7,
      sendKey: back,
      receiveKey: there,
      isInitiator: false,
      createdAt: NOW,
    })
  }

  /** Seals frames in the native lane, for a relay's channel unless it is 0, and returns the datagrams. */
  seal(frames: readonly Uint8Array[], index = 7, channel = 0): Uint8Array[] {
    const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0))
    const table = new Uint32Array(frames.length * FRAME_ROW)
    let at = 0
    for (const [row, frame] of frames.entries()) {
      bytes.set(frame, at)
      table.set([at, frame.length, index, withChannel(51_820, channel), 0xc0000201], row * FRAME_ROW)
      at += frame.length
    }
    const datagrams: Uint8Array[] = []
    for (let first = 0; first < frames.length;) {
      const rows = table.subarray(first * FRAME_ROW)
      const count = this.addon.seal(this.lane, bytes, rows, frames.length - first, OUT, OUT_ROWS, this.now, this.#done)
      for (let row = 0; row < count; row++) {
        const offset = OUT_ROWS[row * UDP_ROW] ?? 0
        datagrams.push(OUT.slice(offset, offset + (OUT_ROWS[row * UDP_ROW + 1] ?? 0)))
      }
      first += this.#done[0] ?? frames.length
    }
    return datagrams
  }

  /** Opens a datagram by the session in TypeScript; returns the packet, or the reason for dropping it. */
  openHere(datagram: Uint8Array): Uint8Array | string {
    const message = parseMessage(datagram)
    if (message.type !== 'data') return message.type
    const opening = this.session.open(message, this.now)
    if (opening.type === 'refused') return opening.reason
    return opening.plain.length === 0 ? 'keepalive' : (withoutPadding(opening.plain) ?? 'not-an-ip-packet')
  }

  /**
   * Opens messages in the native lane. Each holds datagrams of one length as the kernel joins them; the last may be
   * shorter.
   */
  open(messages: readonly (readonly Uint8Array[])[], { joinUdp = true } = {}): OpenedRow[] {
    const bytes = new Uint8Array(messages.flat().reduce((sum, { length }) => sum + length, 64))
    const table = new Uint32Array(messages.length * UDP_ROW)
    let at = 0
    for (const [row, datagrams] of messages.entries()) {
      const from = at
      for (const datagram of datagrams) {
        bytes.set(datagram, at)
        at += datagram.length
      }
      table.set([from, at - from, datagrams[0]?.length ?? 0], row * UDP_ROW)
    }
    const count = this.addon.open(
      this.lane,
      bytes,
      table,
      messages.length,
      OPENED,
      this.now,
      joinUdp ? 1 : 0,
      this.#done,
    )
    return Array.from({ length: count }, (_, row) => {
      const [offset = 0, length = 0, handle = 0, flags = 0] = OPENED.subarray(row * OPENED_ROW)
      return {
        bytes: bytes.slice(offset, offset + length),
        handle,
        message: flags & 0xffff,
        newest: (flags & OPENED_NEWEST) !== 0,
        channel: flags >>> OPENED_CHANNEL_SHIFT,
        isSuper: (flags & OPENED_PSEUDO_CHECKSUM) !== 0,
      }
    })
  }

  /** Number of packets dropped so far, by reason. */
  drops(): Record<string, number> {
    const counts = new Float64Array(LANE_DROPS.length)
    this.addon.laneDrops(this.lane, counts)
    return Object.fromEntries(
      [...counts].flatMap((count, at) => (count === 0 ? [] : [[LANE_DROPS[at] ?? String(at), count] as const])),
    )
  }
}

/** A frame with one complete packet, without offload work. */
export const plainFrame = (packet: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(OFFLOAD_HEADER_BYTES + packet.length)
  frame.set(packet, OFFLOAD_HEADER_BYTES)
  return frame
}
