import { PacketSlab } from '../net/packet-slab.ts'
import { isSyn, type PacketView } from '../net/packet-view.ts'
import { clampSegmentSize } from '../net/tcp-mss.ts'

/** Copies packets out of borrowed input bytes, so that the caller may keep them. Padding behind a packet is left out. */
export class PacketCopier {
  readonly #slab = new PacketSlab()

  copy({ bytes, length }: PacketView): Uint8Array {
    return this.#slab.copy(bytes, length)
  }

  /** Copies a packet and has the view read the copy. A SYN's MSS is lowered to what fits into a tunnel that takes packets of `mtu` bytes. */
  copyFitting(packet: PacketView, mtu: number): Uint8Array {
    packet.bytes = this.copy(packet)
    if (isSyn(packet)) clampSegmentSize(packet, mtu)
    return packet.bytes
  }
}
