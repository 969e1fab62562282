import type { UpstreamFailure } from '../contract/upstream-resolver.ts'

/** What an error's `code` (the system's, OpenSSL's or Node's) says of a server. */
export const failureOf = (error: unknown): UpstreamFailure => {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  return FAILURES[code] ?? (UNTRUSTED.test(code) ? 'untrusted' : BROKEN.test(code) ? 'refused' : 'unreachable')
}

const FAILURES: Readonly<Record<string, UpstreamFailure>> = {
  ETIMEDOUT: 'timeout',
  ECONNREFUSED: 'refused',
  ECONNRESET: 'refused',
  EPIPE: 'refused',
  EBADMSG: 'malformed',
  EMSGSIZE: 'malformed',
  ABORT_ERR: 'aborted',
}

/** OpenSSL's X509_V_ERR_… as Node names them, and Node's own check of the name. */
const UNTRUSTED = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_|INVALID_CA|HOSTNAME_MISMATCH)/

/** A handshake or an HTTP/2 session that ended. */
const BROKEN = /^(?:ERR_SSL_|ERR_TLS_|ERR_HTTP2_|EPROTO$|HPE_)/
