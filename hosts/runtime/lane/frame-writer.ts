import { OFFLOAD_HEADER_BYTES } from '../../../core/net/offload.ts'
import type { Counters } from '../../../core/runtime/counters.ts'
import { countErrno } from '../count-errno.ts'
import { TUN_ROW, type Addon, type Port } from '../native/addon.ts'

const MAX_FRAMES = 2_048

/** Collects frames, then writes all to the TUN device with one native call. */
export class FrameWriter {
  readonly #addon: Addon
  readonly #tun: Port
  readonly #drops: Counters
  readonly #rows = new Uint32Array(MAX_FRAMES * TUN_ROW)
  readonly #single = new Uint8Array(OFFLOAD_HEADER_BYTES + 0xffff)
  #count = 0
  #bytes: Uint8Array | undefined

  constructor({ addon, tun, drops }: { addon: Addon; tun: Port; drops: Counters }) {
    this.#addon = addon
    this.#tun = tun
    this.#drops = drops
  }

  /** Adds the frame at `offset` of `bytes`, which must not change until `flush`. */
  add(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#count === MAX_FRAMES || (this.#count > 0 && this.#bytes !== bytes)) this.flush()
    this.#bytes = bytes
    const at = this.#count++ * TUN_ROW
    this.#rows[at] = offset
    this.#rows[at + 1] = length
  }

  /** Writes one whole packet, with complete checksums, at once. */
  write(packet: Uint8Array): void {
    this.flush()
    if (packet.length > 0xffff) return this.#drops.count('EMSGSIZE')
    this.#single.fill(0, 0, OFFLOAD_HEADER_BYTES)
    this.#single.set(packet, OFFLOAD_HEADER_BYTES)
    this.add(this.#single, 0, OFFLOAD_HEADER_BYTES + packet.length)
    this.flush()
  }

  flush(): void {
    const bytes = this.#bytes
    const count = this.#count
    if (count === 0 || bytes === undefined) return
    this.#count = 0
    if (this.#addon.writeTun(this.#tun, bytes, this.#rows, count) === count) return
    for (let row = 0; row < count; row++) countErrno(this.#drops, this.#rows[row * TUN_ROW + 2] ?? 0)
  }
}
