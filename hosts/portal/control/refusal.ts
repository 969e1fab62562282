import type { Duplex } from 'node:stream'

/** Why a peer may not connect: the codes that peers know (protocol.md §2). Any 401 is final for them. */
const REFUSALS = {
  missing_token: { status: 401, title: 'Unauthorized', detail: 'There is no token' },
  invalid_token: { status: 401, title: 'Unauthorized', detail: 'The token is unknown, expired or revoked' },
  account_disabled: { status: 403, title: 'Forbidden', detail: 'The account is disabled' },
  unauthenticated: { status: 403, title: 'Forbidden', detail: 'The actor is disabled' },
  device_identity_conflict: { status: 409, title: 'Conflict', detail: 'Another device has this public key' },
  gateway_already_connected: { status: 409, title: 'Conflict', detail: 'A gateway of this identity is connected' },
  invalid_connect_params: { status: 400, title: 'Bad Request', detail: 'The connect parameters are not valid' },
  not_found: { status: 404, title: 'Not Found', detail: 'There is no control channel here' },
  rate_limit: { status: 503, title: 'Service Unavailable', detail: 'Try again later' },
  unhandled_connect_error: {
    status: 500,
    title: 'Internal Server Error',
    detail: 'Something went wrong in the portal',
  },
} as const

export type RefusalCode = keyof typeof REFUSALS

/** Thrown on the way to a connection; nobody but the endpoint catches it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'

  constructor(
    readonly code: RefusalCode,
    readonly retryAfterSeconds?: number,
  ) {
    super(code)
  }
}

/**
 * Answers an upgrade with a problem (RFC 9457) instead: head and body in one piece, as some peers read no further. Then the socket is
 * closed whatever the peer does: after an upgrade Node's own time limits do not count, and one half of it may stay open for ever.
 */
export const refuse = (socket: Duplex, { code, retryAfterSeconds }: Refusal): void => {
  const { status, title, detail } = REFUSALS[code]
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, code })
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${retryAfterSeconds}`]),
    'Connection: close',
  ]
  socket.once('finish', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
