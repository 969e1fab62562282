import type { HttpClient, HttpResponse } from 'portreeve'

const TIMEOUT_MS = 5_000
const MAX_ANSWER_BYTES = 512 * 1024

/** Request to the service that identifies people. */
export interface ServiceRequest {
  method: string
  url: string
  headers: Readonly<Record<string, string>>
  body?: string
  signal?: AbortSignal
}

/** Answer of the service as text. */
export interface ServiceAnswer {
  status: number
  text: string
  headers: HttpResponse['headers']
}

/** Sends a request by the host's HTTP client: bounded, to permitted addresses only, without following redirects. */
export const askService = async (
  http: HttpClient,
  { method, url, headers, body, signal }: ServiceRequest,
): Promise<ServiceAnswer> => {
  const answer = await http.send({
    method,
    url,
    headers,
    timeoutMs: TIMEOUT_MS,
    maxBytes: MAX_ANSWER_BYTES,
    ...(body === undefined || body === '' ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
  })
  return { status: answer.status, text: new TextDecoder().decode(answer.body), headers: answer.headers }
}
