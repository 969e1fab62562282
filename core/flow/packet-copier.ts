import { PacketSlab } from '../net/packet-slab.ts'
import { isSyn, type PacketView } from '../net/packet-view.ts'
import { clampSegmentSize } from '../net/tcp-mss.ts'

/** Copies packets out of borrowed input bytes, without padding behind them, so that the caller may keep them. */
export class PacketCopier {
  readonly #slab = new PacketSlab()

  copy({ bytes, length }: PacketView): Uint8Array {
    return this.#slab.copy(bytes, length)
  }

  /**
   * Copies a packet and lets the view refer to the copy. Lowers the MSS of a SYN to what fits into packets of `mtu`
   * bytes.
   */
  copyFitting(packet: PacketView, mtu: number): Uint8Array {
    packet.bytes = this.copy(packet)
    if (isSyn(packet)) clampSegmentSize(packet, mtu)
    return packet.bytes
  }
}
