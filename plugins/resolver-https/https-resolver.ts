import {
  failureOf,
  isAnswerTo,
  SECOND,
  type HttpClient,
  type UpstreamQuery,
  type UpstreamResolver,
  type UpstreamVerdict,
} from 'portreeve'
import type { HostAddresses } from './host-addresses.ts'
import type { Settings } from './settings.ts'

/** Resolver that asks a server by DNS over HTTPS (RFC 8484), with POST. */
export class HttpsResolver implements UpstreamResolver<Settings> {
  readonly #http: HttpClient
  readonly #hosts: HostAddresses

  constructor({ http, hosts }: { http: HttpClient; hosts: HostAddresses }) {
    this.#http = http
    this.#hosts = hosts
  }

  describe({ url }: Settings): string {
    return url
  }

  async resolve({ settings, message, signal }: UpstreamQuery<Settings>): Promise<UpstreamVerdict> {
    const url = new URL(settings.url)
    if (signal.aborted) return { type: 'failed', code: 'aborted', reason: `${url.host}: given up` }
    const addresses = await this.#hosts.of(url.hostname, signal)
    if (addresses.length === 0) {
      return {
        type: 'failed',
        code: signal.aborted ? 'aborted' : 'unreachable',
        reason: `${url.host}: its address is not known`,
      }
    }
    const ask = () => this.#ask({ url, addresses, message, signal })
    const verdict = await ask()
    // Asked once more, as the server may have closed a kept connection just then.
    return verdict.type === 'failed' && verdict.code === 'refused' && !signal.aborted ? ask() : verdict
  }

  async #ask({ url, addresses, message, signal }: Question): Promise<UpstreamVerdict> {
    // RFC 8484 §4.1: the query is sent with the id 0; the answer gets the application's id.
    const body = new Uint8Array(message)
    body.set([0, 0])
    try {
      const answer = await this.#http.send({
        method: 'POST',
        url: url.href,
        headers: { 'content-type': MEDIA_TYPE, accept: MEDIA_TYPE },
        body,
        addresses,
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_MESSAGE_BYTES,
        signal,
      })
      if (answer.status !== 200)
        return { type: 'failed', code: 'refused', reason: `${url.host}: HTTP status ${answer.status}` }
      const type = answer.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
      if (type !== MEDIA_TYPE || !isAnswerTo(body, answer.body)) {
        return {
          type: 'failed',
          code: 'malformed',
          reason: `${url.host}: the message received is not an answer to the query`,
        }
      }
      const whole = new Uint8Array(answer.body)
      whole.set(message.subarray(0, 2))
      return { type: 'answered', message: whole }
    } catch (error) {
      const code = signal.aborted ? 'aborted' : failureOf(error)
      return {
        type: 'failed',
        code,
        reason: `${url.host}: ${error instanceof Error ? error.message : String(error)}`.slice(0, 500),
      }
    }
  }
}

interface Question {
  url: URL
  addresses: readonly string[]
  message: Uint8Array
  signal: AbortSignal
}

const MEDIA_TYPE = 'application/dns-message'
const MAX_MESSAGE_BYTES = 0xffff
// After this time the client has given up on the query.
const TIMEOUT_MS = 5 * SECOND
