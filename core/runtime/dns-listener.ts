import { token } from '../di.ts'

export interface DnsListenerOptions {
  address: string
  /** 0 for any that is free. */
  port: number
  /** The one device that connections may come from, by name; any by default. */
  device?: string
  /** Whether messages of an address (canonical) are taken. Connections of others are closed at once; all are taken by default. */
  accepts?: (peer: string) => boolean
  /** A message from an address (canonical); the answer goes to the same `connection`, in any order. */
  onQuery: (connection: number, message: Uint8Array, peer: string) => void
  onError: (error: Error) => void
}

export interface DnsListener {
  /** The port that it listens on. */
  readonly port: number
  /** Dropped where the connection is gone. */
  answer: (connection: number, message: Uint8Array) => void
  close: () => Promise<void>
}

/** Takes DNS messages over TCP (RFC 7766): few connections, few messages waiting, none of them for long. */
export interface DnsListeners {
  /** Rejects with a system error code where the address cannot be bound. */
  open: (options: DnsListenerOptions) => Promise<DnsListener>
}

export const DnsListeners = token<DnsListeners>('dns-listeners')
