import { externalId } from '../crypto/external-id.ts'
import type { UnixTime } from '../runtime/time.ts'
import { retryAfterMs } from './backoff.ts'
import type { Role } from './messages.ts'
import { plain, problemOfRefusal, type PortalProblem } from './portal-problem.ts'

/** Parameters of the URL at which a peer opens its control channel. */
export interface ConnectRequest {
  role: Role
  /** URL of the portal: http, https, ws or wss. Its path is kept as a prefix. */
  portalUrl: string
  /** Identity of the peer, a UUID or any text. */
  id: string
  name: string
  /** Tunnel's public key in base64. */
  publicKey: string
  /** Whether the portal removes the row of a gateway soon after it has gone. Portreeve's addition: other portals ignore it. */
  isEphemeral?: boolean
}

/**
 * Returns the URL at which a peer opens its control channel (wire §2). It lacks the token, because URLs end up in logs.
 */
export const connectUrl = ({ role, portalUrl, id, name, publicKey, isEphemeral }: ConnectRequest): string => {
  const url = new URL(portalUrl)
  url.protocol = url.protocol.replace('http', 'ws')
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${role}/v2/websocket`
  url.search = new URLSearchParams({
    external_id: externalId(id),
    name,
    public_key: publicKey,
    ...(isEphemeral === true ? { ephemeral: 'true' } : {}),
  }).toString()
  return url.href
}

/** Returns the URL of a peer's control channel for logs and status: without the query, which identifies the peer. */
export const shownUrl = ({ role, portalUrl }: Pick<ConnectRequest, 'role' | 'portalUrl'>): string =>
  connectUrl({ role, portalUrl, id: '', name: '', publicKey: '' }).replace(/\?.*$/, '')

/** Refusal of a WebSocket by the portal, or by something in its place. */
export interface ConnectRefusal {
  type: 'connectionRefused'
  status: number
  /** Error code of the portal; absent if something else than a portal answered. */
  code?: string
  /** Exact cause that a Portreeve portal adds to the code. */
  reason?: string
  /** Explanation by the portal, for people to read. */
  detail?: string
  retryAfterMs?: number
  problem: PortalProblem
}

/**
 * Reads the HTTP response that a peer got instead of a WebSocket: problem+json with a `code`, maybe a Retry-After
 * header.
 */
export const connectRefusal = (
  { status, headers, body }: { status: number; headers: Readonly<Record<string, string>>; body: string },
  { url, now }: { url: string; now: UnixTime },
): ConnectRefusal => {
  const { code, reason, detail } = problemWords(body)
  const wait = retryAfterMs(headers['retry-after'], now)
  return {
    type: 'connectionRefused',
    status,
    ...(code === undefined ? {} : { code }),
    ...(code === undefined || reason === undefined ? {} : { reason }),
    ...(code === undefined || reason === undefined || detail === undefined ? {} : { detail }),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
    problem: problemOfRefusal({ status, headers, body, code }, { url }),
  }
}

const problemWords = (body: string): { code?: string; reason?: string; detail?: string } => {
  try {
    const { code, reason, detail } = (JSON.parse(body) ?? {}) as Record<string, unknown>
    return {
      ...(isCode(code) ? { code } : {}),
      ...(isCode(reason) ? { reason } : {}),
      ...(typeof detail === 'string' ? { detail: plain(detail) } : {}),
    }
  } catch {
    return {}
  }
}

const isCode = (value: unknown): value is string => typeof value === 'string' && /^[a-z0-9_]{1,64}$/.test(value)
