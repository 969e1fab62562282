import type { PeerId } from '../contract/tunnel-transport.ts'
import type { PacketView } from '../net/packet-view.ts'
import { FlowCache } from './flow-cache.ts'
import type { PeerNumbers } from './peer-numbers.ts'

/** Which peer the packets of a flow go to or come from, where that needs no decision any more. To be cleared before a peer's number is released. */
export class KnownPeers {
  readonly #numbers: PeerNumbers
  readonly #cache = new FlowCache()

  constructor(numbers: PeerNumbers) {
    this.#numbers = numbers
  }

  /** The peer's number, below 0 where it is not known. */
  find(packet: PacketView): number {
    const place = this.#cache.find(packet)
    return place < 0 ? -1 : this.#cache.verdictAt(place)
  }

  findId(packet: PacketView): PeerId | undefined {
    const number = this.find(packet)
    return number < 0 ? undefined : this.#numbers.idOf(number)
  }

  /** Of a peer whose number is held; of another one it keeps nothing. */
  keep(packet: PacketView, peer: PeerId): void {
    const number = this.#numbers.find(peer)
    if (number !== undefined) this.#cache.store(packet, number)
  }

  clear(): void {
    this.#cache.clear()
  }
}
