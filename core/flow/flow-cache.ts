import type { PacketKind, PacketView } from '../net/packet-view.ts'

/** A power of two. A slot is a pointer, and an entry where there is one. */
const SLOTS = 32_768

interface Entry<T> {
  kind: PacketKind
  /** Source port * 2^16 + destination port. */
  ports: number
  /** Both addresses, as in the packet. */
  addresses: Uint8Array
  value: T
}

/**
 * Verdicts by 5-tuple, so that the many packets of a flow cost one look-up. Directly mapped: a flow that falls on another's slot takes
 * it, so a flood of flows costs time, never memory. Cleared as a whole on any change to what a verdict depends on.
 */
export class FlowCache<T> {
  #slots: (Entry<T> | undefined)[] = []
  #used = false

  find(packet: PacketView): T | undefined {
    if (!this.#used) return undefined
    const entry = this.#slots[slotOf(packet)]
    if (
      entry === undefined ||
      entry.ports !== packet.sourcePort * 0x10000 + packet.destinationPort ||
      entry.kind !== packet.kind ||
      entry.addresses.length !== packet.addressLength * 2
    ) {
      return undefined
    }
    const { addresses } = entry
    const { bytes, sourceAt } = packet
    for (let at = 0; at < addresses.length; at++) if (addresses[at] !== bytes[sourceAt + at]) return undefined
    return entry.value
  }

  /** Only for kinds that have ports or an identifier. */
  store(packet: PacketView, value: T): void {
    if (this.#slots.length === 0) this.#slots = Array.from({ length: SLOTS })
    this.#used = true
    this.#slots[slotOf(packet)] = {
      kind: packet.kind,
      ports: packet.sourcePort * 0x10000 + packet.destinationPort,
      // In both families the destination follows the source.
      addresses: new Uint8Array(packet.bytes.subarray(packet.sourceAt, packet.sourceAt + packet.addressLength * 2)),
      value,
    }
  }

  clear(): void {
    if (!this.#used) return
    this.#slots.fill(undefined)
    this.#used = false
  }
}

const slotOf = ({ bytes, sourceAt, addressLength, sourcePort, destinationPort, protocol }: PacketView): number => {
  let hash = Math.imul(sourcePort * 0x10000 + destinationPort, 0x9e3779b1) ^ protocol
  const end = sourceAt + addressLength * 2
  for (let at = sourceAt; at < end; at += 4) {
    const word =
      ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
    hash = Math.imul(hash ^ word, 0x85ebca6b)
    hash ^= hash >>> 15
  }
  return (hash ^ (hash >>> 13)) & (SLOTS - 1)
}
