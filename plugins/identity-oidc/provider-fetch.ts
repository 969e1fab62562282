import type * as oidc from 'openid-client'
import type { HttpClient, Logger } from 'portreeve'

const TIMEOUT_MS = 5_000
/**
 * Maximum size of a provider's answer, unpacked; the largest discovery documents and key sets known have some 30 kB.
 */
const MAX_ANSWER_BYTES = 512 * 1024

/** Ports used for requests to providers. */
export interface Asking {
  http: HttpClient
  logger: Logger
}

/**
 * Returns the `fetch` for all of the library's requests to a provider (discovery, keys, token, userinfo), which uses
 * the host's HTTP client: it follows no redirects, bounds answers, and connects only to permitted addresses.
 */
export const fetchBy =
  ({ http, logger }: Asking): oidc.CustomFetch =>
  async (url, { method, headers, body, signal }) => {
    const asked = {
      method,
      url,
      headers,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
      ...(body === undefined || body === null ? {} : { body: bytesOf(body) }),
      ...(signal === undefined ? {} : { signal }),
    }
    try {
      const answer = await http.send(asked)
      const hasBody = ![204, 205, 304].includes(answer.status)
      const bytes = hasBody ? new Uint8Array(answer.body) : null
      return new Response(bytes, { status: answer.status, headers: answer.headers })
    } catch (error) {
      throw isCertificate(error) ? error : noAnswer(error, { logger, url })
    }
  }

/**
 * Logs the cause of a failed request and returns an error that does not tell it: an admin, who may set an issuer and
 * read the audit trail, must not find out which ports are open near the portal.
 */
export const noAnswer = (error: unknown, { logger, url }: { logger: Logger; url: string }): Error => {
  if (error instanceof NoAnswerError) return error
  const reasons: string[] = []
  for (let at = error; at instanceof Error && reasons.length < 5; at = at.cause) reasons.push(at.message)
  logger.warn(
    { provider: new URL(url).origin, reason: reasons.join(': ').slice(0, 500) },
    'an identity provider gives no answer',
  )
  return new NoAnswerError()
}

/** Error of a request that had no answer, without the cause. Found again among the causes of the library's errors. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError'
  readonly code = 'EHOSTUNREACH'

  constructor() {
    super('the provider gave no answer, or none that is one (the portal’s log says more)')
  }
}

/** Whether an error says that the provider's certificate is not trusted, which an admin must learn to mend it. */
export const isCertificate = (error: unknown): boolean => {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && CERTIFICATE.test(String(at.code))) return true
  }
  return false
}

const CERTIFICATE =
  /^(?:CERT_|CRL_|ERR_TLS_CERT|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/

const bytesOf = (body: unknown): string | Uint8Array => {
  if (body instanceof URLSearchParams) return body.toString()
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  throw new TypeError('a request of a provider has a body of another kind')
}
