import type { RelayCredentials } from '../crypto/relay-credentials.ts'
import type { ChannelPath } from '../runtime/path.ts'

/** Inputs of `RelayClient`. */
export type RelayClientInput =
  /** Asks for an allocation; a present one is given up without a word, as after a change of this machine's network. */
  | { type: 'started' }
  /** The portal has renewed the credentials. */
  | { type: 'credentialsRenewed'; credentials: RelayCredentials }
  /** A datagram from the relay. */
  | { type: 'datagramReceived'; datagram: Uint8Array }
  /** A datagram to send to the peer of a channel, which is bound first if it is not. */
  | ({ type: 'datagramQueued'; channel: number } & QueuedDatagram)
  /** A path over this relay has died: whether there still is an allocation is to be found out at once. */
  | { type: 'doubted' }
  /** The allocation is not wanted any more. */
  | { type: 'released' }

/** A datagram for a peer. */
export interface QueuedDatagram {
  bytes: Uint8Array
  /** Whether it is a path MTU probe, which must not be fragmented. */
  isProbe?: true | undefined
}

/** Outputs of `RelayClient`. */
export type RelayClientOutput =
  /** Send this datagram to the relay. */
  | ({ type: 'sendDatagram' } & QueuedDatagram)
  /** A peer's datagram, without the relay's header. */
  | { type: 'datagramReceived'; path: ChannelPath; datagram: Uint8Array }
  /** `state` or `relayed` has changed. */
  | { type: 'stateChanged' }
