/** How many packets wait for a session. */
export const MAX_QUEUED_PACKETS = 128

/** Packets in order, the oldest dropped first. */
export class PacketQueue {
  #packets: Uint8Array[] = []

  get isEmpty(): boolean {
    return this.#packets.length === 0
  }

  /** Keeps a copy. False if another packet had to go for it. */
  push(packet: Uint8Array): boolean {
    this.#packets.push(new Uint8Array(packet))
    if (this.#packets.length <= MAX_QUEUED_PACKETS) return true
    this.#packets.shift()
    return false
  }

  /** All packets in order; none are left. */
  takeAll(): Uint8Array[] {
    const packets = this.#packets
    this.#packets = []
    return packets
  }
}
