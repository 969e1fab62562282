import { buildFragmentRefusal } from '../../net/fragment-refusal.ts'
import { buildTooBig, buildUnreachable, type Unreachable } from '../../net/icmp-error.ts'
import type { PacketRefusal, PacketView } from '../../net/packet-view.ts'
import { buildReset } from '../../net/tcp-reset.ts'
import type { Counters } from '../../runtime/counters.ts'
import type { ClientDrop } from './client-flows-messages.ts'

/**
 * Reasons for which a connection that is open is over: its grant, its route or the gateway that translated it is gone. TCP takes an ICMP error about an
 * open connection for transient (RFC 1122 §4.2.3.9), and the application would wait for minutes. A port that filters
 * refuse is answered by ICMP alone: the resource is still there, and the connection goes on if its filters permit it
 * again.
 */
const ENDS_CONNECTIONS: ReadonlySet<ClientDrop> = new Set([
  'unknown-destination',
  'authorization-failed',
  'gateway-changed',
])

/** Packets of this machine that are dropped: counts each by its reason, and tells the application. */
export class Refusals {
  readonly #counters: Counters<ClientDrop>
  /** Writes a packet to the TUN device. */
  readonly write: (packet: Uint8Array) => void

  constructor(counters: Counters<ClientDrop>, writeTun: (packet: Uint8Array) => void) {
    this.#counters = counters
    this.write = writeTun
  }

  /** Drops a packet, and answers it with an ICMP error, or with a TCP reset where an open connection is over. */
  refuse(packet: PacketView, answer: Unreachable, reason: ClientDrop): void {
    this.#counters.count(reason)
    const reset = ENDS_CONNECTIONS.has(reason) ? buildReset(packet) : undefined
    if (reset !== undefined) this.#counters.count('connection-reset')
    this.#answer(reset ?? buildUnreachable(packet, answer))
  }

  /** Drops a packet that exceeds a path MTU in bytes, and answers it with the ICMP error that tells the MTU. */
  refuseTooLong(packet: PacketView, mtu: number): void {
    this.#counters.count('too-long')
    this.#answer(buildTooBig(packet, mtu))
  }

  /** Drops a packet that cannot be judged; the sender of a fragment is told, since it would wait for an answer. */
  refuseUnread(bytes: Uint8Array, reason: PacketRefusal): void {
    this.#counters.count(reason)
    if (reason === 'packet-fragment') this.#answer(buildFragmentRefusal(bytes))
  }

  #answer(packet: Uint8Array | undefined): void {
    if (packet !== undefined) this.write(packet)
  }
}
