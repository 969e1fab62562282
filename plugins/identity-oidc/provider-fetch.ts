import type * as oidc from 'openid-client'
import type { HttpClient } from 'portreeve'

const TIMEOUT_MS = 5_000
/** Longest answer of a provider, unpacked. The longest discovery documents and key sets that are known have some 30 kB. */
const MAX_BYTES = 512 * 1024

/**
 * Every request that the library makes to a provider (discovery, keys, token, userinfo), by the host's port: no redirect is followed, answers are
 * bounded, and only addresses that the operator permits are connected to. Whatever kept an answer from coming is the same failure: which
 * ports are open near the portal is nothing for whoever may name an issuer.
 */
export const fetchBy =
  (http: HttpClient): oidc.CustomFetch =>
  async (url, { method, headers, body, signal }) => {
    const asked = {
      method,
      url,
      headers,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
      ...(body === undefined || body === null ? {} : { body: bytesOf(body) }),
      ...(signal === undefined ? {} : { signal }),
    }
    try {
      const answer = await http.send(asked)
      const hasBody = ![204, 205, 304].includes(answer.status)
      return new Response(hasBody ? new Uint8Array(answer.body) : null, {
        status: answer.status,
        headers: answer.headers,
      })
    } catch (error) {
      throw Object.assign(new Error('the provider gave no answer', { cause: error }), { code: 'EHOSTUNREACH' })
    }
  }

const bytesOf = (body: unknown): string | Uint8Array => {
  if (body instanceof URLSearchParams) return body.toString()
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  throw new TypeError('a request of a provider has a body of another kind')
}
