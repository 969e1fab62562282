import { token } from '../di.ts'
import type { Endpoint } from './endpoint.ts'

/**
 * Sockets to servers, for plugins that speak a protocol of their own. The host marks each socket as those of DnsExchange,
 * so that it bypasses the tunnel unless the server is reached through it.
 */
export interface OutgoingSockets {
  /**
   * Opens a UDP socket that sends to one server and receives from that server only. Throws an error with a system
   * `code` if it cannot be opened.
   */
  openDatagrams: (request: { server: Endpoint } & SocketEvents) => OutgoingSocket
  /** Opens a TCP connection to a server, with TLS if `tls` is given. Throws as `openDatagrams`. */
  openStream: (request: { server: Endpoint; tls?: StreamTls } & SocketEvents) => OutgoingSocket
}

export interface OutgoingSocket {
  /**
   * Sends one datagram, or writes bytes to a stream, and resolves when the operating system has taken them. They are
   * borrowed until then. Rejects with an error with a `code` if the socket is closed.
   */
  send: (bytes: Uint8Array) => Promise<void>
  /** Closes the socket at once. Its events are not called any more. */
  close: () => void
}

export interface SocketEvents {
  /** Takes one datagram, or the next bytes of a stream. They are the callee's to keep. */
  received: (bytes: Uint8Array) => void
  /**
   * Called once, if the socket ends otherwise than by `close`: with an error that has a `code` (`ECONNREFUSED`, `CERT_…`),
   * or undefined if the server ended the stream.
   */
  closed: (error: Error | undefined) => void
}

export interface StreamTls {
  /** Name that the server's certificate must have. */
  serverName: string
  /** Protocols to offer by ALPN (RFC 7301), the preferred first. */
  alpn?: readonly string[]
}

export const OutgoingSockets = token<OutgoingSockets>('outgoing-sockets')
