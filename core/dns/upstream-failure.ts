import type { UpstreamFailure } from '../contract/upstream-resolver.ts'

/** Classifies an error of the system, OpenSSL or Node.js by its `code`. */
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

/**
 * Codes of certificate errors: OpenSSL's X509_V_ERR_… as Node.js names them, and Node.js's check of the server's name.
 */
const UNTRUSTED = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_|INVALID_CA|HOSTNAME_MISMATCH)/

/** Codes of a TLS handshake, HTTP exchange or HTTP/2 session that broke off. */
const BROKEN = /^(?:ERR_SSL_|ERR_TLS_|ERR_HTTP2_|EPROTO$|HPE_)/
