// Explains to people why a peer is not connected to its portal: URL, step, cause and remedy.
import type { WebSocketFailure } from '../runtime/web-socket.ts'

/**
 * Steps of connecting to a portal, in order. `outgoing_proxy`: the proxy that HTTPS_PROXY or HTTP_PROXY names; `proxy`:
 * something that is not a portal answered; `session`: an open connection ended.
 */
export type PortalStep = 'name' | 'connect' | 'outgoing_proxy' | 'tls' | 'proxy' | 'upgrade' | 'join' | 'session'

/** Why a peer is not connected to its portal. */
export interface PortalProblem {
  /** URL that was tried, without its query. */
  url: string
  step: PortalStep
  /** Stable code in lower case: `name_unknown`, `certificate_expired`, `redirected` … or the portal's own. */
  code: string
  /** Message of the system, the proxy or the portal. */
  said: string
  /** Remedy for the operator, a sentence. */
  remedy: string
}

/** Portal connection as shown in a peer's status. */
export interface PortalStatus {
  /** URL of the control channel. */
  url: string
  /** Null while the peer is connected. */
  problem: PortalProblem | null
}

/** Formats a problem in one line, for people. */
export const problemText = ({ url, step, code, said, remedy }: PortalProblem): string =>
  `${url}: ${STEPS[step]}: ${said} (${code}). ${remedy}`

const STEPS: Readonly<Record<PortalStep, string>> = {
  name: 'the name is not resolved',
  connect: 'there is no connection',
  outgoing_proxy: 'the proxy of this network does not pass it on',
  tls: 'TLS fails',
  proxy: 'what answers is no portal',
  upgrade: 'the portal does not let this machine in',
  join: 'the portal does not let this machine join',
  session: 'the connection ended',
}

/** Explains a connection that could not be made, or that ended. */
export const problemOfFailure = (
  { step, code = '', message }: WebSocketFailure,
  { url }: { url: string },
): PortalProblem => {
  const said = plain(message)
  switch (step) {
    case 'name':
      return { url, step, said, ...(NAME[code] ?? NAME_ANY) }
    case 'connect':
      return { url, step, said, ...(CONNECT[code] ?? CONNECT_ANY) }
    case 'proxy':
      return { url, step: 'outgoing_proxy', said, ...(OUTGOING[code] ?? OUTGOING_ANY) }
    case 'tls':
      return { url, step, said, ...(TLS[code] ?? (isNotTls(code, message) ? NOT_TLS : TLS_ANY)) }
    case 'upgrade':
      return { url, step: 'proxy', said, ...(code === 'ETIMEDOUT' ? NO_ANSWER : HUNG_UP) }
    case 'open':
      return { url, step: 'session', code: 'connection_lost', said, remedy: COMES_BACK }
  }
}

/**
 * Explains an HTTP response that came instead of a WebSocket: a refusal by the portal, or an answer of a proxy before
 * it.
 */
export const problemOfRefusal = (
  {
    status,
    headers,
    body,
    code,
  }: { status: number; headers: Readonly<Record<string, string>>; body: string; code?: string | undefined },
  { url }: { url: string },
): PortalProblem => {
  if (code !== undefined && code !== 'upgrade_required') {
    const said = detailOf(body) ?? `it answers ${status}`
    return { url, step: 'upgrade', code, said, remedy: REFUSED[code] ?? 'The portal’s administrators can say why.' }
  }
  const kind = /^text\/html/i.test(headers['content-type'] ?? '') ? 'a page' : 'something else'
  const proxy = (what: string, said: string, remedy: string): PortalProblem => ({
    url,
    step: 'proxy',
    code: what,
    said: plain(said),
    remedy,
  })
  if (code === 'upgrade_required' || status === 426) {
    return proxy('upgrade_stripped', 'the portal got the request without its Upgrade header', PASS_UPGRADE)
  }
  if (status >= 300 && status < 400) {
    const to = withoutQuery(headers['location'], url)
    return proxy('redirected', `it answers ${status} and sends to ${to ?? 'nowhere'}`, REDIRECTED)
  }
  if (status >= 200 && status < 300) return proxy('page', `it answers ${status} with ${kind}`, PAGE)
  if (status === 401 || status === 407)
    return proxy('proxy_sign_in', `it answers ${status} and wants a sign-in`, SIGN_IN)
  if (status === 403) return proxy('forbidden', `it answers 403 with ${kind}`, FORBIDDEN)
  if (status === 404) return proxy('not_found', `it answers 404 with ${kind}`, PAGE)
  if (status === 502 || status === 503 || status === 504) {
    return proxy('portal_behind_proxy', `it answers ${status} with ${kind}`, BEHIND)
  }
  return proxy(`status_${status}`, `it answers ${status} with ${kind}`, PASS_UPGRADE)
}

/** Explains a join that failed over an open connection: refused, or not answered. */
export const problemOfJoin = (reason: string, { url }: { url: string }): PortalProblem => ({
  url,
  step: 'join',
  code: /^[a-z0-9_]{1,64}$/.test(reason) ? reason : 'join_refused',
  said: plain(reason),
  remedy: 'Look whether the portal and this program are of versions that go together.',
})

interface Known {
  code: string
  remedy: string
}

const NAME_ANY: Known = {
  code: 'name_failed',
  remedy: 'Look at the host’s name in portal_url, and at this machine’s name servers.',
}
const NAME: Readonly<Record<string, Known>> = {
  ENOTFOUND: {
    code: 'name_unknown',
    remedy: 'Look at the host’s name in portal_url, and whether this machine’s name servers know it.',
  },
  EAI_AGAIN: {
    code: 'name_server_silent',
    remedy: 'Look whether this machine has a network, and whether its name servers answer.',
  },
  ETIMEDOUT: {
    code: 'name_server_silent',
    remedy: 'Look whether this machine has a network, and whether its name servers answer.',
  },
}

const CONNECT_ANY: Known = { code: 'connect_failed', remedy: 'Look whether portal_url names the right host and port.' }
const FIREWALL: Known = {
  code: 'connect_timeout',
  remedy: 'Look whether the portal’s machine is up, and whether a firewall lets this connection through.',
}
const CONNECT: Readonly<Record<string, Known>> = {
  ECONNREFUSED: {
    code: 'connection_refused',
    remedy: 'Look whether the portal, or the proxy before it, runs, and listens at the port of portal_url.',
  },
  ETIMEDOUT: FIREWALL,
  ENETUNREACH: { code: 'network_unreachable', remedy: 'This machine has no route there: look at its network.' },
  EHOSTUNREACH: {
    code: 'host_unreachable',
    remedy: 'Look whether the portal’s machine is up, and at the routes there.',
  },
  ECONNRESET: FIREWALL,
  EACCES: { code: 'connect_forbidden', remedy: 'This machine’s own firewall forbids it.' },
  EPERM: { code: 'connect_forbidden', remedy: 'This machine’s own firewall forbids it.' },
}

const OUTGOING_ANY: Known = {
  code: 'outgoing_proxy_failed',
  remedy: 'Look at HTTPS_PROXY and NO_PROXY in this program’s environment, and at the proxy’s own log.',
}
const OUTGOING: Readonly<Record<string, Known>> = {
  PROXY_UNREACHABLE: {
    code: 'outgoing_proxy_unreachable',
    remedy:
      'Look whether that proxy runs, and whether HTTPS_PROXY in this program’s environment still names the right one.',
  },
  PROXY_AUTHENTICATION: {
    code: 'outgoing_proxy_authentication',
    remedy:
      'Write user and password into HTTPS_PROXY (http://user:password@host:port), or have the proxy let this machine pass without.',
  },
  PROXY_REFUSED: {
    code: 'outgoing_proxy_refused',
    remedy: 'Have the proxy permit CONNECT to the portal’s host and port, or name the host in NO_PROXY.',
  },
  ETIMEDOUT: {
    code: 'outgoing_proxy_timeout',
    remedy: 'Look whether that proxy reaches the portal, and whether HTTPS_PROXY still names the right one.',
  },
}

const TLS_ANY: Known = {
  code: 'tls_failed',
  remedy: 'Look whether the port of portal_url is one for TLS, and whether a proxy on the way intercepts TLS.',
}
const NOT_TLS: Known = {
  code: 'no_tls',
  remedy: 'What listens there speaks no TLS: look at the port of portal_url, or begin it with http:.',
}
const UNTRUSTED: Known = {
  code: 'certificate_untrusted',
  remedy:
    'If the portal’s certificate is from an authority of your own, add that to the system’s store (update-ca-certificates) or set ca_file.',
}
const INCOMPLETE: Known = {
  code: 'certificate_untrusted',
  remedy:
    'Add the authority to the system’s store (update-ca-certificates) or set ca_file; or have the server send its intermediate certificates.',
}
const CLOCK = 'or this machine’s clock is wrong.'
const TLS: Readonly<Record<string, Known>> = {
  CERT_HAS_EXPIRED: { code: 'certificate_expired', remedy: `The portal’s certificate has to be renewed, ${CLOCK}` },
  CERT_NOT_YET_VALID: { code: 'certificate_not_yet_valid', remedy: `The certificate begins later, ${CLOCK}` },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    code: 'certificate_wrong_name',
    remedy: 'Use a name in portal_url that the certificate is for, or have one made for this name.',
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: {
    code: 'certificate_self_signed',
    remedy:
      'The certificate is self-signed: set ca_file to a copy of it, or have one made by an authority that this machine trusts.',
  },
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: INCOMPLETE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: INCOMPLETE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: INCOMPLETE,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_REVOKED: { code: 'certificate_revoked', remedy: 'The portal’s certificate has to be replaced.' },
  CA_FILE: { code: 'ca_file', remedy: 'Look at ca_file: it has to be readable, with certificates in PEM.' },
  ETIMEDOUT: {
    code: 'tls_timeout',
    remedy: 'Look whether the port of portal_url is one for TLS, and whether a firewall stops TLS.',
  },
}

const isNotTls = (code: string, message: string): boolean =>
  /^(?:EPROTO|ERR_SSL_)/.test(code) && /wrong.version.number|packet.length.too.long|http.request/i.test(message)

const NO_ANSWER: Known = {
  code: 'no_answer',
  remedy: 'Look whether the portal runs, and whether the proxy before it passes WebSockets on.',
}
const HUNG_UP: Known = {
  code: 'hung_up',
  remedy:
    'Look whether port and scheme (http: or https:) of portal_url are the portal’s, and whether a proxy passes WebSockets on.',
}
const COMES_BACK = 'It is tried again.'
const PASS_UPGRADE =
  'Have the proxy pass WebSockets on; nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade.'
const REDIRECTED = 'Set portal_url to where the portal itself answers: redirects are not followed.'
const PAGE =
  'Look whether portal_url names the portal, with its path if it has one, and whether a proxy or a sign-in page of this network answers instead.'
const SIGN_IN = 'A proxy on the way wants a sign-in, which this program cannot do: let this machine pass without one.'
const FORBIDDEN = 'A proxy or firewall on the way forbids it: let this machine pass.'
const BEHIND = 'The proxy does not reach the portal: look whether the portal runs, and at the proxy’s own log.'

const REFUSED: Readonly<Record<string, string>> = {
  missing_token: 'Give it a token: PORTREEVE_TOKEN, token_file, or sign in.',
  invalid_token: 'Make a new token at the portal, or sign in again.',
  token_expired: 'Make a new token at the portal, or sign in again.',
  account_disabled: 'The account is disabled at the portal.',
  unauthenticated: 'The person or service is disabled at the portal.',
  device_identity_conflict: 'Another machine has this identity: remove its state folder if this one is a copy.',
  gateway_already_connected: 'Another gateway has this identity: remove the state folder if this one is a copy.',
  rate_limit: 'The portal is busy: it is tried again when it says.',
}

const detailOf = (body: string): string | undefined => {
  try {
    const detail = (JSON.parse(body) as { detail?: unknown } | null)?.detail
    return typeof detail === 'string' && detail !== '' ? plain(detail) : undefined
  } catch {
    return undefined
  }
}

/** Returns the target of a redirect without its query, which may hold a secret. */
const withoutQuery = (location: string | undefined, base: string): string | undefined => {
  if (location === undefined || !URL.canParse(location, base)) return undefined
  const { origin, pathname } = new URL(location, base)
  return `${origin}${pathname}`
}

/**
 * Makes foreign text safe for a terminal and a log: one line of at most 300 characters, without control or direction
 * characters.
 */
export const plain = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, 300)
