import { token } from '../di.ts'

export interface WebSocketRequest {
  /** URL with the scheme ws: or wss:. */
  url: string
  headers: Readonly<Record<string, string>>
  /** SO_MARK of the connection, by which routing rules let it bypass the tunnel. Needs CAP_NET_ADMIN. */
  mark?: number
  /** Longest message that is accepted; a longer one ends the connection. */
  maxBytes: number
}

/**
 * Step at which a connection failed or ended. `proxy`: at an HTTP proxy of the environment; `upgrade`: while waiting for
 * the HTTP response; `open`: after it.
 */
export type WebSocketStep = 'name' | 'connect' | 'proxy' | 'tls' | 'upgrade' | 'open'

/** Why a connection ended, or could not be made. */
export interface WebSocketFailure {
  step: WebSocketStep
  /** Error code of the system (`ECONNREFUSED`) or OpenSSL (`CERT_HAS_EXPIRED`); `ETIMEDOUT` if a step took too long. */
  code?: string
  message: string
}

/**
 * Handlers of a connection's events, in one of these orders: `opened`, any number of `received`, `closed`; or
 * `refused`; or `closed`.
 */
export interface WebSocketEvents {
  opened: () => void
  /** Takes an HTTP response that refuses the WebSocket; its body is cut to 64 KB. */
  refused: (refusal: { status: number; headers: Readonly<Record<string, string>>; body: string }) => void
  received: (text: string) => void
  /** Takes binary messages that came together, which belong to the callee; those are dropped by default. */
  receivedBytes?: (messages: readonly Uint8Array[]) => void
  /** Called when all bytes are sent that waited, if those were many: more than 64 KB. */
  drained?: () => void
  /** Called when the connection ended or could not be made, but not after `close`. */
  closed: (failure: WebSocketFailure) => void
}

/** A WebSocket that is being opened or is open. */
export interface WebSocketConnection {
  /** Sends a text message; drops it if the connection is not open. */
  send: (text: string) => void
  /**
   * Sends a binary message of less than 64 KB, whose bytes are borrowed until it returns; drops it if the connection is
   * not open.
   */
  sendBytes: (bytes: Uint8Array) => void
  /** Returns the number of bytes that wait to be sent. */
  waitingBytes: () => number
  close: () => void
}

/** WebSocket client (RFC 6455): no compression, no subprotocol, no Origin header, verified TLS, by the environment's proxy. */
export interface WebSockets {
  connect: (request: WebSocketRequest, events: WebSocketEvents) => WebSocketConnection
}

export const WebSockets = token<WebSockets>('web-sockets')
