import { token } from '../di.ts'
import type { Endpoint, Family } from './endpoint.ts'

/** A received datagram. */
export interface ReceivedDatagram {
  from: Endpoint
  bytes: Uint8Array
}

/** A datagram to send. */
export interface Datagram {
  to: Endpoint
  bytes: Uint8Array
  /**
   * Whether this is a path MTU probe (RFC 8899 §4.3): sent with DF set and regardless of the path MTU that the kernel
   * has cached. Losing it is harmless, fragmenting it is not.
   */
  isProbe?: true | undefined
}

/** A bound UDP socket that sends and receives batches. */
export interface DatagramSocket {
  readonly family: Family
  readonly port: number
  /** Sends datagrams; those that the kernel refuses are dropped and counted. Bytes are borrowed until it returns. */
  send: (batch: readonly Datagram[]) => void
  /** Returns the number of dropped datagrams by reason: `EAGAIN`, `ENETUNREACH` … */
  dropped?: () => Readonly<Record<string, number>>
  close: () => Promise<void>
}

export interface DatagramSocketOptions {
  family: Family
  /** Port to bind; 0 for any. */
  port: number
  /** Whether to take any other port if that one is taken, instead of failing. */
  orAnyPort?: boolean
  /** Address to bind to; all by default. */
  address?: string
  /** SO_MARK of the socket, by which routing rules let it bypass the tunnel. Needs CAP_NET_ADMIN. */
  mark?: number
  /** Takes received datagrams. Bytes are borrowed until it returns. */
  onBatch: (batch: readonly ReceivedDatagram[]) => void
  onError: (error: Error) => void
}

/** Opens UDP sockets. */
export interface DatagramSockets {
  /** Opens a socket. Rejects with a system error code if the address cannot be bound. */
  open: (options: DatagramSocketOptions) => Promise<DatagramSocket>
}

export const DatagramSockets = token<DatagramSockets>('datagram-sockets')
