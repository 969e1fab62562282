/** Maximum of packets that wait for a session. */
export const MAX_QUEUED_PACKETS = 128

/** Queue of packets that wait for a session; drops the oldest when it is full. */
export class PacketQueue {
  #packets: Uint8Array[] = []

  get isEmpty(): boolean {
    return this.#packets.length === 0
  }

  /** Adds a copy of a packet. Returns false if the oldest was dropped for it. */
  push(packet: Uint8Array): boolean {
    this.#packets.push(new Uint8Array(packet))
    if (this.#packets.length <= MAX_QUEUED_PACKETS) return true
    this.#packets.shift()
    return false
  }

  /** Removes and returns all packets in order. */
  takeAll(): Uint8Array[] {
    const packets = this.#packets
    this.#packets = []
    return packets
  }
}
