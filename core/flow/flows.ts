import type { PeerId } from '../contract/tunnel-transport.ts'
import type { Machine } from '../runtime/machine.ts'
import type { Instant } from '../runtime/time.ts'
import type { PeerNumbers } from './peer-numbers.ts'

/**
 * Packet engine: `ClientFlows` or `GatewayFlows`. Beside the methods of a machine it has a fast path for packets of
 * flows with a cached verdict, which needs no copy and no output, and takes a super-packet of 64 KB as one.
 *
 * In names of both engines, "out" is the direction from the application to the resource, and "in" the way back.
 */
export interface Flows<Input, Output> extends Machine<Input, Output> {
  /**
   * Small integers that the fast path uses for peers instead of their ids. Call `hold` for every peer that you keep
   * state for.
   */
  readonly numbers: PeerNumbers
  /**
   * Fast path for one packet (or super-packet) read from the TUN device. Rewrites it in place and returns the number of
   * the peer to send it to; returns undefined and leaves it untouched if its flow has no cached verdict: pass it to
   * `handle`.
   */
  passFromTun: (packet: Uint8Array, offload: Offload, now: Instant) => number | undefined
  /**
   * Fast path for one decrypted packet from a peer. Rewrites it in place and returns true if it may be written to the
   * TUN device; returns false and leaves it untouched if its flow has no cached verdict: pass it to `handle`.
   */
  passFromTunnel: (peer: number, packet: Uint8Array, checksum: TransportChecksum, now: Instant) => boolean
  /** Returns the number of dropped packets by reason. */
  counters: () => Readonly<Record<string, number>>
}

/** Offload work that the TUN device has left undone in a packet: its checksum, its segmentation. */
export interface Offload {
  checksum: TransportChecksum
  /** Payload bytes of each segment of a super-packet; 0 for an ordinary packet. */
  segmentBytes: number
}

/**
 * State of a transport checksum. `pseudo`: its field holds just the folded sum of the pseudo-header, and has to be
 * completed.
 */
export type TransportChecksum = 'complete' | 'pseudo'

/**
 * Packets for the packet engine of a client or a gateway: from its TUN device, or decrypted from a peer. Bytes are
 * borrowed.
 */
export type PacketInput =
  | { type: 'tunPackets'; packets: readonly Uint8Array[] }
  | { type: 'tunnelPacket'; peer: PeerId; packet: Uint8Array }

/** Path MTU to a peer, in bytes; `MIN_MTU` before the first such input. */
export interface MtuChanged {
  type: 'mtuChanged'
  peer: PeerId
  mtu: number
}

/** Packets that the packet engine has let pass: to encrypt and send to a peer, or to write to the TUN device. */
export type PacketOutput =
  | { type: 'sendPacket'; peer: PeerId; packet: Uint8Array }
  | { type: 'writeTun'; packet: Uint8Array }
