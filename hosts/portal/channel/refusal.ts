import type { Duplex } from 'node:stream'

/** Why a peer may not connect: the codes that peers know (wire §2). Any 401 is final for them. */
const REFUSALS = {
  missing_token: { status: 401, title: 'Unauthorized', detail: 'There is no token' },
  invalid_token: { status: 401, title: 'Unauthorized', detail: 'The token is unknown, expired or revoked' },
  account_disabled: { status: 403, title: 'Forbidden', detail: 'The account is disabled' },
  unauthenticated: { status: 403, title: 'Forbidden', detail: 'The actor is disabled' },
  device_identity_conflict: { status: 409, title: 'Conflict', detail: 'Another device has this public key' },
  gateway_already_connected: { status: 409, title: 'Conflict', detail: 'A gateway of this identity is connected' },
  limits_exceeded: { status: 402, title: 'Payment Required', detail: 'A limit of the account is reached' },
  invalid_connect_params: { status: 400, title: 'Bad Request', detail: 'The connect parameters are not valid' },
  not_found: { status: 404, title: 'Not Found', detail: 'There is no control channel here' },
  upgrade_required: {
    status: 426,
    title: 'Upgrade Required',
    detail: 'The request came without an Upgrade to WebSocket: a proxy before the portal does not pass it on',
  },
  rate_limit: { status: 503, title: 'Service Unavailable', detail: 'Try again later' },
  unhandled_connect_error: {
    status: 500,
    title: 'Internal Server Error',
    detail: 'Something went wrong in the portal',
  },
} as const

export type RefusalCode = keyof typeof REFUSALS

/** What a refusal says beyond its code, which is all that released peers read. */
export interface RefusalWords {
  /** When to try again; released peers wait for so long, however often. */
  retryAfterSeconds?: number
  /** Stable code of the exact cause, for Portreeve's own peers: `token_revoked`, `already_connected` … */
  reason?: string
  /** The cause in words for whoever runs the peer; the code's own by default. */
  detail?: string
}

/** An answer's body (RFC 9457) for a refusal. */
export const refusalProblem = (code: RefusalCode, { reason, detail: given }: RefusalWords = {}) => {
  const { status, title, detail } = REFUSALS[code]
  return { type: 'about:blank', title, status, detail: given ?? detail, code, reason }
}

/** Thrown on the way to a connection; nobody but the endpoint catches it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'

  constructor(
    readonly code: RefusalCode,
    readonly words: RefusalWords = {},
  ) {
    super(code)
  }
}

/** The refusal of a peer whose place another process has, and answers for. Released gateways give up after 15 s without a time to wait. */
export const alreadyConnected = (role: 'client' | 'gateway'): Refusal =>
  role === 'gateway'
    ? new Refusal('gateway_already_connected', {
        retryAfterSeconds: 5,
        reason: 'already_connected',
        detail: `Another process with this gateway's identity is connected. ${CLONED}`,
      })
    : new Refusal('device_identity_conflict', {
        retryAfterSeconds: 60,
        reason: 'already_connected',
        detail: `Another process with this device's identity is connected. ${CLONED}`,
      })

const CLONED =
  'Where this machine is a copy of another one, remove its state folder and sign in anew, or give it an id of its own'

/**
 * Answers an upgrade with a problem (RFC 9457) instead: head and body in one piece, as some peers read no further. Then the socket is
 * closed whatever the peer does: after an upgrade Node's own time limits do not count, and one half of it may stay open for ever.
 */
export const refuse = (socket: Duplex, { code, words }: Refusal): void => {
  const { status, title } = REFUSALS[code]
  const { retryAfterSeconds } = words
  const body = JSON.stringify(refusalProblem(code, words))
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
