import type { HttpClient, HttpRequest, HttpResponse } from '../../core/runtime/http-client.ts'

/** Node's fetch within the port's bounds: no redirects, no cookies, limited in time and in (unpacked) size. */
export class FetchHttpClient implements HttpClient {
  /** Rejects with a `code`: ETIMEDOUT, EMSGSIZE, EPROTONOSUPPORT, or the system's (ECONNREFUSED, CERT_HAS_EXPIRED …). */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const url = new URL(request.url)
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw failure('EPROTONOSUPPORT', `not an HTTP address: ${url.protocol}`)
    }
    const signal = AbortSignal.timeout(request.timeoutMs)
    try {
      const response = await fetch(url, {
        method: request.method,
        headers: request.headers,
        redirect: 'manual',
        signal,
        ...(request.body === undefined ? {} : { body: request.body }),
      })
      const body = await readBody(response, request.maxBytes)
      return { status: response.status, headers: Object.fromEntries(response.headers), body }
    } catch (error) {
      if (signal.aborted) throw failure('ETIMEDOUT', `no whole answer within ${request.timeoutMs} ms`, error)
      // fetch says only that it failed; why is in the cause, or in the cause's first part for several addresses.
      const code = codeOf(error)
      throw code === undefined ? error : failure(code, `the request failed: ${code}`, error)
    }
  }
}

const readBody = async (response: Response, maxBytes: number): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = response.body?.getReader()
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    length += part.value.length
    if (length > maxBytes) {
      await reader?.cancel().catch(() => undefined)
      throw failure('EMSGSIZE', `the answer has more than ${maxBytes} bytes`)
    }
    chunks.push(part.value)
  }
  const body = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    body.set(chunk, at)
    at += chunk.length
  }
  return body
}

const codeOf = (error: unknown): string | undefined => {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; depth++) {
    if ('code' in at && typeof at.code === 'string') return at.code
    at = at instanceof AggregateError ? at.errors[0] : at.cause
  }
  return undefined
}

const failure = (code: string, message: string, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), { code })
