import type { Duplex } from 'node:stream'

/** Refusals of a connect, by the codes that peers know (wire §2). Peers treat any 401 as final. */
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

/** Details of a refusal beyond its code; released peers read only the code. */
export interface RefusalWords {
  /** Seconds until the peer may try again; released peers wait that long, any number of times. */
  retryAfterSeconds?: number
  /** Stable code of the exact cause for Portreeve's own peers, such as `token_revoked`. */
  reason?: string
  /** Explanation for the person who runs the peer; by default the code's own text. */
  detail?: string
}

/** Builds the problem body (RFC 9457) of a refusal. */
export const refusalProblem = (code: RefusalCode, { reason, detail: given }: RefusalWords = {}) => {
  const { status, title, detail } = REFUSALS[code]
  return { type: 'about:blank', title, status, detail: given ?? detail, code, reason }
}

/** Thrown while a connect is processed; caught by the endpoint only. */
export class Refusal extends Error {
  override readonly name = 'Refusal'

  constructor(
    readonly code: RefusalCode,
    readonly words: RefusalWords = {},
  ) {
    super(code)
  }
}

/**
 * Returns the refusal of a peer whose seat another process holds and answers for. Includes a retry time even for
 * gateways, because released gateways give up after 15 s without one.
 */
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
 * Answers an upgrade request with a problem (RFC 9457), head and body in one write because some peers read no further.
 * Then destroys the socket: after an upgrade Node.js applies no timeouts, and the socket could stay half open for ever.
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
