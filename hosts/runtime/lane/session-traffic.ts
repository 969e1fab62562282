import type { PeerId, TunnelTraffic } from '../../../core/contract/tunnel-transport.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'

/** A session that the lane has keys of, and what it did with them since that was last reported. */
export class LaneSession {
  readonly peer: PeerId
  readonly index: number
  readonly expiresAt: number
  /** Whether an authentic message has come in it at all. */
  isHeard = false
  /** Something is to be reported. */
  isTouched = false
  #sentPackets = 0
  #sentBytes = 0
  #packets = 0
  #keepalives = 0
  #bytes = 0
  #endedSending = false
  #path: Endpoint | undefined

  constructor(peer: PeerId, index: number, expiresAt: number) {
    this.peer = peer
    this.index = index
    this.expiresAt = expiresAt
  }

  sent(bytes: number): void {
    this.#sentPackets++
    this.#sentBytes += bytes
    this.#endedSending = true
  }

  /** A message of no bytes is a keepalive. */
  received(bytes: number): void {
    if (bytes === 0) this.#keepalives++
    else this.#packets++
    this.#bytes += bytes
    this.#endedSending = false
  }

  cameFrom(path: Endpoint): void {
    this.#path = path
  }

  /** And forgets it. */
  takeReport(): TunnelTraffic {
    const report: TunnelTraffic = {
      peer: this.peer,
      index: this.index,
      sent: { packets: this.#sentPackets, bytes: this.#sentBytes },
      received: { packets: this.#packets, keepalives: this.#keepalives, bytes: this.#bytes },
      endedSending: this.#endedSending,
      path: this.#path,
    }
    this.#sentPackets = this.#sentBytes = this.#packets = this.#keepalives = this.#bytes = 0
    this.isTouched = false
    return report
  }
}
