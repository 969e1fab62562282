import { token } from '../di.ts'

export interface DnsListenerOptions {
  address: string
  /** Port to bind; 0 for any that is free. */
  port: number
  /** Name of the device from which connections are accepted; any by default. */
  device?: string
  /**
   * Whether connections from an address (canonical) are accepted; others are closed at once. All are accepted by
   * default.
   */
  accepts?: (source: string) => boolean
  /** Takes a message from an address (canonical). Answer it by `connection`; answers may be in any order. */
  onQuery: (connection: number, message: Uint8Array, source: string) => void
  onError: (error: Error) => void
}

/** An open listener for DNS over TCP. */
export interface DnsListener {
  /** Port that was bound. */
  readonly port: number
  /** Sends an answer over a connection; drops it if the connection is closed. */
  answer: (connection: number, message: Uint8Array) => void
  close: () => Promise<void>
}

/** Listeners for DNS over TCP (RFC 7766), with limits on connections, waiting messages and time. */
export interface DnsListeners {
  /** Opens a listener. Rejects with a system error code if the address cannot be bound. */
  open: (options: DnsListenerOptions) => Promise<DnsListener>
}

export const DnsListeners = token<DnsListeners>('dns-listeners')
