import { token } from '../di.ts'
import type { Endpoint, Family } from './endpoint.ts'

/** One datagram that was received. */
export interface ReceivedDatagram {
  from: Endpoint
  bytes: Uint8Array
}

/** One datagram to be sent. */
export interface Datagram {
  to: Endpoint
  bytes: Uint8Array
  /**
   * Rather lost than cut into fragments, here or on its way, whatever the kernel has heard of the way so far. It asks whether the way
   * takes as much (RFC 8899 §4.3).
   */
  isProbe?: true | undefined
}

/** A bound UDP socket that moves batches. */
export interface DatagramSocket {
  readonly family: Family
  readonly port: number
  /** Sends each; what the kernel refuses is dropped and counted, as on a network. Bytes are borrowed until it returns. */
  send: (batch: readonly Datagram[]) => void
  /** How many were dropped so far, by reason: `EAGAIN`, `ENETUNREACH` … */
  dropped?: () => Readonly<Record<string, number>>
  close: () => Promise<void>
}

export interface DatagramSocketOptions {
  family: Family
  /** The port wanted; 0 for any. */
  port: number
  /** Where that port is taken, take any other instead of failing. */
  orAnyPort?: boolean
  /** An address to bind to; all by default. */
  address?: string
  /** SO_MARK, by which routing rules let the host's own sockets bypass the tunnel. Needs CAP_NET_ADMIN. */
  mark?: number
  /** Bytes are borrowed until it returns. */
  onBatch: (batch: readonly ReceivedDatagram[]) => void
  onError: (error: Error) => void
}

export interface DatagramSockets {
  /** Rejects with a system error code where the address cannot be bound. */
  open: (options: DatagramSocketOptions) => Promise<DatagramSocket>
}

export const DatagramSockets = token<DatagramSockets>('datagram-sockets')
