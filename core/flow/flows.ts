import type { PeerId } from '../contract/tunnel-transport.ts'
import type { Machine } from '../runtime/machine.ts'
import type { Instant } from '../runtime/time.ts'
import type { PeerNumbers } from './peer-numbers.ts'

/**
 * Verdicts on packets: `ClientFlows` or `GatewayFlows`. Beside the machine's verbs they have a short way for the packets of a flow whose
 * verdict is known, which costs no copy and no output: a super-packet of 64 KB goes through it as one.
 */
export interface Flows<Input, Output> extends Machine<Input, Output> {
  /** By which the short way names peers. Whoever asks it holds those that it has something for. */
  readonly numbers: PeerNumbers
  /**
   * Which peer a packet from the device goes to, rewritten in place, or undefined where it has no verdict yet: it was left as it is then,
   * and is for `handle`. May be a super-packet.
   */
  passFromTun: (packet: Uint8Array, offload: Offload, now: Instant) => number | undefined
  /** Whether a packet that a peer sealed may be written to the device, rewritten in place; as above. */
  passFromTunnel: (peer: number, packet: Uint8Array, checksum: TransportChecksum, now: Instant) => boolean
  /** Why packets were dropped, and how often. */
  counters: () => Readonly<Record<string, number>>
}

/** What a device left to whoever sends a packet on. */
export interface Offload {
  checksum: TransportChecksum
  /** Payload bytes of each of the packets that a super-packet stands for; 0: the packet is a whole one. */
  segmentBytes: number
}

/** `pseudo`: the field holds the folded sum of the pseudo-header only, and a device or a segmentation is to complete it. */
export type TransportChecksum = 'complete' | 'pseudo'

/** What is told to flows of either side about packets; bytes are borrowed. */
export type PacketInput =
  { type: 'tunPackets'; packets: readonly Uint8Array[] } | { type: 'tunnelPacket'; peer: PeerId; packet: Uint8Array }

/** The largest packet that reaches a peer in one piece, `MIN_MTU` until something else is said. */
export interface MtuChanged {
  type: 'mtuChanged'
  peer: PeerId
  mtu: number
}

/** What flows of either side want done with packets. */
export type PacketOutput =
  { type: 'sendPacket'; peer: PeerId; packet: Uint8Array } | { type: 'writeTun'; packet: Uint8Array }
