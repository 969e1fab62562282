import type { HttpClient, HttpRequest, HttpResponse } from '../../core/runtime/http-client.ts'
import { failure } from './failure.ts'
import type { MarkFor } from './outgoing-socket.ts'
import { PinnedHttp } from './pinned-http.ts'

export interface HttpClientOptions {
  /** Asked for each socket to a pinned address; none are marked by default. */
  markFor?: MarkFor
  /** Certificates (PEM) to trust instead of the built-in roots, at pinned addresses. */
  ca?: string
}

/** Node's fetch within the port's bounds: no redirects, no cookies, limited in time and in (unpacked) size. */
export class FetchHttpClient implements HttpClient {
  readonly #pinned: PinnedHttp

  constructor(options: HttpClientOptions = {}) {
    this.#pinned = new PinnedHttp(options)
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const url = new URL(request.url)
    if (request.addresses !== undefined) return this.#pinned.send(request, request.addresses)
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw failure('EPROTONOSUPPORT', `not an HTTP address: ${url.protocol}`)
    }
    const deadline = AbortSignal.timeout(request.timeoutMs)
    const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal])
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
      if (request.signal?.aborted === true) throw failure('ABORT_ERR', 'the request was given up', error)
      if (deadline.aborted) throw failure('ETIMEDOUT', `no whole answer within ${request.timeoutMs} ms`, error)
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
