import { PacketSlab } from '../net/packet-slab.ts'
import { isSyn, type PacketView } from '../net/packet-view.ts'
import { clampSegmentSize } from '../net/tcp-mss.ts'

/** Input bytes are borrowed, and what leaves is the caller's. Padding is left behind. */
export class PacketCopies {
  readonly #slab = new PacketSlab()

  of({ bytes, length }: PacketView): Uint8Array {
    return this.#slab.copy(bytes, length)
  }

  /** The packet at hand becomes its copy. Of a SYN, whoever answers it is told what fits into a tunnel that takes packets of `mtu` bytes. */
  fitting(packet: PacketView, mtu: number): Uint8Array {
    packet.bytes = this.of(packet)
    if (isSyn(packet)) clampSegmentSize(packet, mtu)
    return packet.bytes
  }
}
