import { token } from '../di.ts'

export interface WebSocketRequest {
  /** ws: or wss: */
  url: string
  headers: Readonly<Record<string, string>>
  /** SO_MARK, by which routing rules let the connection bypass the tunnel. Needs CAP_NET_ADMIN. */
  mark?: number
  /** A longer message ends the connection. */
  maxBytes: number
}

/** Where a connection was when it ended: `upgrade`, waiting for the answer to the request; `open`, after it. */
export type WebSocketStep = 'name' | 'connect' | 'tls' | 'upgrade' | 'open'

/** Why a connection ended, or could not be made. */
export interface WebSocketFailure {
  step: WebSocketStep
  /** The system's, `ECONNREFUSED`, or OpenSSL's, `CERT_HAS_EXPIRED`; `ETIMEDOUT` where a step took too long. */
  code?: string
  message: string
}

/** What happens to a connection, in this order: opened, received any number of times, closed; or refused; or closed. */
export interface WebSocketEvents {
  opened: () => void
  /** An answer came, but no WebSocket; the body is cut to 64 KB. */
  refused: (refusal: { status: number; headers: Readonly<Record<string, string>>; body: string }) => void
  received: (text: string) => void
  /** It ended, or could not be made. Not called after `close`. */
  closed: (failure: WebSocketFailure) => void
}

export interface WebSocketConnection {
  /** What is sent before it is open or after it ended is dropped. */
  send: (text: string) => void
  close: () => void
}

/** Text over WebSockets (RFC 6455): no compression, no subprotocol, no Origin, TLS verified. */
export interface WebSockets {
  connect: (request: WebSocketRequest, events: WebSocketEvents) => WebSocketConnection
}

export const WebSockets = token<WebSockets>('web-sockets')
